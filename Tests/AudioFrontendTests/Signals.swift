/// Synthetic signals of integers only, so that Tools/oracles/filterbank.py makes the same ones.
enum Signals {
    /// A linear congruential generator's upper bits, -32768 to 32767.
    static func noise(_ count: Int, seed: UInt32) -> [Int] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return Int(state >> 16) - 32_768
        }
    }

    /// A parabola's imitation of a sine, -16384 to 16384; the phase step grows by `step` / 65536.
    static func wave(_ count: Int, start: UInt32, step: UInt32) -> [Int] {
        var phase: UInt32 = 0
        var increment = start << 16
        return (0..<count).map { _ in
            let x = Int(phase >> 16) - 32_768
            phase &+= increment
            increment &+= step
            return (x * (32_768 - abs(x))) >> 14
        }
    }

    static func chirp(_ count: Int) -> [Int] {
        zip(wave(count, start: 40, step: 190_000), noise(count, seed: 2))
            .map { ($0 >> 1) + ($1 >> 6) }
    }

    /// Name, samples, and zeros appended; the name is that of the golden file.
    static let golden: [(name: String, samples: [Int], tail: Int)] = [
        ("silence", Array(repeating: 0, count: 4_000), 0),
        ("empty", [], 10_560),
        ("direct-current", Array(repeating: 12_345, count: 4_000), 0),
        ("square", (0..<6_400).map { $0 / 73 % 2 == 1 ? 32_767 : -32_768 }, 0),
        ("least-bit", noise(6_400, seed: 3).map { $0 >> 15 }, 0),
        ("quiet", noise(6_400, seed: 4).map { $0 >> 13 }, 0),
        ("noise", noise(6_400, seed: 1), 0),
        ("chirp", chirp(8_000), 800),
        ("one-sample", [1_000], 200),
        ("short", noise(199, seed: 5), 0),
        ("window", noise(280, seed: 6), 0),
        ("window-and-one", noise(281, seed: 7), 0),
        ("odd", noise(1_237, seed: 8), 0),
    ]

    static func bytes(_ samples: [Int]) -> [UInt8] {
        samples.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    }

    static func littleEndian(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    static func chunk(_ name: String, _ body: [UInt8], size: Int? = nil) -> [UInt8] {
        Array(name.utf8) + littleEndian(size ?? body.count, 4) + body
            + (body.count % 2 == 1 ? [0] : [])
    }

    static func format(
        tag: Int = 1,
        channels: Int = 1,
        hertz: Int,
        bits: Int = 16,
        extra: [UInt8] = []
    ) -> [UInt8] {
        chunk(
            "fmt ",
            littleEndian(tag, 2) + littleEndian(channels, 2) + littleEndian(hertz, 4)
                + littleEndian(hertz * channels * bits / 8, 4)
                + littleEndian(channels * bits / 8, 2) + littleEndian(bits, 2) + extra
        )
    }

    static func riff(_ chunks: [UInt8], name: String = "RIFF") -> [UInt8] {
        Array(name.utf8) + littleEndian(4 + chunks.count, 4) + Array("WAVE".utf8) + chunks
    }

    static func wav(_ data: [UInt8], hertz: Int) -> [UInt8] {
        riff(format(hertz: hertz) + chunk("data", data))
    }
}
