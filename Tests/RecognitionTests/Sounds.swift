internal import TestBackend
internal import TestSupport

/// Audio at 16 kHz whose loud and silent stretches are known.
enum Sounds {
    static func speechAndSilence(seed: UInt64) -> [UInt8] {
        var random = SplitMix64(seed: seed)
        return (0..<5).flatMap { _ in
            silence(seconds: Double.random(in: 0...4, using: &random))
                + noise(seconds: Double.random(in: 0.5...2, using: &random), seed: random.next())
        }
    }

    /// Loud noise.
    static func noise(seconds: Double, seed: UInt64) -> [UInt8] {
        samples(seconds, seed) { Int16.random(in: -20_000...20_000, using: &$0) }
    }

    /// The last bit's noise.
    static func silence(seconds: Double, seed: UInt64 = 0) -> [UInt8] {
        samples(seconds, seed) { Int16.random(in: -1...1, using: &$0) }
    }

    /// The audio in pieces of at most so many bytes.
    static func pieces(
        of audio: [UInt8],
        upTo longest: Int,
        using random: inout SplitMix64
    ) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < audio.count {
            let end = min(start + Int.random(in: 0...longest, using: &random), audio.count)
            pieces.append(audio[start..<end])
            start = end
        }
        return pieces
    }

    private static func samples(
        _ seconds: Double,
        _ seed: UInt64,
        _ sample: (inout SplitMix64) -> Int16
    ) -> [UInt8] {
        var random = SplitMix64(seed: seed)
        return (0..<Int(seconds * 16_000)).flatMap { _ in
            let bits = UInt16(bitPattern: sample(&random))
            return [UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]
        }
    }
}
