internal import SwiftProtobuf
internal import Testing
internal import Wire

@Suite struct FinalComparisonTests {
    private let final = Martlet_V1_RecognitionResult.with {
        $0.isFinal = true
        $0.resultEndTime = .init(seconds: 3)
        $0.alternatives = [
            .with {
                $0.transcript = "good day"
                $0.score = -12.5
                $0.confidence = 0.75
                $0.words = [
                    .with {
                        $0.word = "good"
                        $0.endTime = .init(seconds: 1)
                        $0.confidence = 0.5
                    }
                ]
                $0.tokens = [
                    .with {
                        $0.piece = " good"
                        $0.time = .init(seconds: 0, nanos: 40_000_000)
                        $0.logProb = -0.25
                    }
                ]
            }
        ]
    }

    private func difference(
        _ change: (inout Martlet_V1_RecognitionResult) -> Void
    ) -> String? {
        var changed = final
        change(&changed)
        return Martlet_V1_RecognitionResult.difference(of: [changed], from: [final])
    }

    @Test func forgivesScoresTheirLastBits() {
        #expect(difference { _ in } == nil)
        #expect(difference { $0.alternatives[0].score += 5e-5 } == nil)
        #expect(difference { $0.alternatives[0].tokens[0].logProb -= 5e-5 } == nil)
        #expect(difference { $0.alternatives[0].score += 5e-4 } != nil)
        #expect(difference { $0.alternatives[0].confidence += 5e-4 } != nil)
        #expect(difference { $0.alternatives[0].words[0].confidence -= 5e-4 } != nil)
        #expect(difference { $0.alternatives[0].tokens[0].logProb -= 5e-4 } != nil)
        #expect(difference { $0.alternatives[0].score = .nan } != nil)
    }

    @Test func forgivesNothingElse() {
        #expect(difference { $0.alternatives[0].transcript = "good  day" } != nil)
        #expect(difference { $0.alternatives[0].words[0].endTime.nanos = 1 } != nil)
        #expect(difference { $0.alternatives[0].tokens[0].piece = "good" } != nil)
        #expect(difference { $0.alternatives[0].tokens[0].time.nanos += 40_000_000 } != nil)
        #expect(difference { $0.resultEndTime.seconds = 4 } != nil)
        #expect(difference { $0.alternatives[0].tokens = [] } != nil)
        #expect(difference { $0.alternatives = [] } != nil)
    }

    @Test func countsFinals() {
        typealias Result = Martlet_V1_RecognitionResult
        var other = final
        other.alternatives[0].transcript = "good night"
        #expect(Result.difference(of: [final, other], from: [final, other]) == nil)
        #expect(Result.difference(of: [final, final], from: [final]) != nil)
        #expect(Result.difference(of: [final], from: [final, final]) != nil)
        #expect(Result.difference(of: [], from: [final]) != nil)
        #expect(Result.difference(of: [other, final], from: [final, other]) != nil)
    }
}
