internal import SwiftProtobuf
internal import Wire

extension Martlet_V1_RecognitionResult {
    /// How far scores may be from those of the undisturbed run.
    private static let scoreTolerance: Float = 1e-4

    /// Without what may differ in its last bits.
    private var withoutScores: Self {
        var copy = self
        for a in copy.alternatives.indices {
            copy.alternatives[a].confidence = 0
            copy.alternatives[a].score = 0
            copy.alternatives[a].posterior = 0
            for w in copy.alternatives[a].words.indices {
                copy.alternatives[a].words[w].confidence = 0
            }
            for t in copy.alternatives[a].tokens.indices {
                copy.alternatives[a].tokens[t].logProb = 0
                copy.alternatives[a].tokens[t].confidence = 0
            }
        }
        return copy
    }

    private var scores: [Float] {
        alternatives.flatMap { alternative in
            [alternative.confidence, alternative.score, alternative.posterior]
                + alternative.words.map(\.confidence)
                + alternative.tokens.flatMap { [$0.logProb, $0.confidence] }
        }
    }

    /// In what this final result differs from that of the undisturbed run; nil when in nothing.
    func difference(from undisturbed: Self) -> String? {
        let (found, expected) = (withoutScores, undisturbed.withoutScores)
        if found != expected {
            let texts = [found, expected].map { $0.alternatives.first?.transcript ?? "" }
            return texts[0] == texts[1]
                ? "times or tokens differ:\n\(found.textFormatString())instead of\n"
                    + expected.textFormatString()
                : "\"\(texts[0])\" instead of \"\(texts[1])\""
        }
        let errors = zip(scores, undisturbed.scores).map { abs($0 - $1) }
        // Written such that a score that is not a number is found too.
        let isSame = errors.allSatisfy { $0 <= Self.scoreTolerance }
        return isSame ? nil : "scores differ by up to \(errors.max() ?? .nan)"
    }

    /// In what a stream's final results differ from those of the undisturbed run.
    static func difference(of finals: [Self], from undisturbed: [Self]) -> String? {
        for (index, (final, expected)) in zip(finals, undisturbed).enumerated() {
            if let difference = final.difference(from: expected) {
                return "final \(index) of \(undisturbed.count): \(difference)"
            }
        }
        return finals.count == undisturbed.count
            ? nil
            : "\(finals.count) finals instead of \(undisturbed.count): "
                + "\(finals.map { $0.alternatives.first?.transcript ?? "" })"
    }
}
