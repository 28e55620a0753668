internal import Foundation
internal import TestSupport
internal import Wire

/// What one stream says: recordings one after the other, and how they are to be recognised.
struct Passage: Sendable {
    private static let bytesPerSecond = 32_000
    private static let headerBytes = 44

    var name: String
    /// Samples without a header.
    var audio: [UInt8]
    var search: ReferenceSearch
    /// Whether it is told in segments, a final result each.
    var hasEndpoints: Bool

    var duration: Duration {
        .microseconds(audio.count * 1_000_000 / Self.bytesPerSecond)
    }

    func configure(_ config: inout Martlet_V1_RecognitionConfig) {
        search.configure(&config)
        config.endpointing.disabled = !hasEndpoints
        config.enableWordConfidence = true
    }

    /// Passages that take up the recordings in a random order, every fourth with a beam and every
    /// third with pauses at which segments end.
    /// - Parameter length: The most speech in one of them; longer recordings are left out.
    static func drawn(
        _ count: Int,
        length: Duration,
        from recordings: [Recording],
        using random: inout SplitMix64
    ) -> [Passage] {
        let maximumBytes = Int(length / .milliseconds(1)) * bytesPerSecond / 1_000
        let short = recordings.filter { $0.wav.count <= maximumBytes }
        var pool: [Recording] = []
        return (0..<count).map { index in
            let hasEndpoints = index.isMultiple(of: 3)
            let wantedBytes = Int.random(in: maximumBytes / 5...maximumBytes, using: &random)
            var parts: [Recording] = []
            repeat {
                if pool.isEmpty { pool = short.shuffled(using: &random) }
                parts.append(pool.removeLast())
            } while parts.reduce(0) { $0 + $1.wav.count } + (pool.last?.wav.count ?? 0)
                <= wantedBytes
            let silence = [UInt8](
                repeating: 0,
                count: hasEndpoints ? 2 * bytesPerSecond : bytesPerSecond / 4
            )
            let audio = parts.map { Array($0.wav.dropFirst(headerBytes)) }
                .joined(separator: silence)
            return Passage(
                name: parts.map(\.name).joined(separator: "+")
                    + (hasEndpoints ? ", in segments" : ""),
                audio: Array(audio),
                search: index % 4 == 1 ? .beam4 : .greedy,
                hasEndpoints: hasEndpoints
            )
        }
    }
}
