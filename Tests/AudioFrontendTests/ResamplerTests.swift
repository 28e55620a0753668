internal import AudioFrontend
internal import Foundation
internal import Testing

@Suite struct ResamplerTests {
    private static let rates = [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000]
    private static let modelHertz = 16_000

    private func resample(_ samples: [Float], from hertz: Int) throws -> [Float] {
        let resampler = try Resampler(fromHertz: hertz, toHertz: Self.modelHertz)
        var output: [Float] = []
        try samples.withUnsafeBufferPointer {
            try resampler.append($0) { output.append(contentsOf: $0) }
        }
        try resampler.finish { output.append(contentsOf: $0) }
        return output
    }

    private func sines(_ frequencies: [Double], hertz: Int, count: Int) -> [Float] {
        (0..<count).map { index in
            Float(
                frequencies.reduce(0) {
                    $0 + 0.1 * sin(2 * .pi * $1 * Double(index) / Double(hertz) + $1)
                }
            )
        }
    }

    /// Energy of the middle of a signal, away from its edges.
    private func energy(_ samples: some Collection<Float>) -> Double {
        samples.dropFirst(800).dropLast(800).reduce(0) { $0 + Double($1) * Double($1) }
    }

    @Test("Sines below 85% of the band come out as they should", arguments: rates)
    func passband(hertz: Int) throws {
        let nyquist = Double(min(hertz, Self.modelHertz)) / 2
        let frequencies = [0.013, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85].map { $0 * nyquist }
        let output = try resample(sines(frequencies, hertz: hertz, count: hertz * 2), from: hertz)
        let ideal = sines(frequencies, hertz: Self.modelHertz, count: output.count)
        let decibels =
            10 * log10(energy(ideal) / energy(zip(output, ideal).map { $0 - $1 }))
        print("resampling \(hertz) Hz: signal to error \(decibels) dB")
        #expect(decibels > 75)
    }

    @Test(
        "Sines beyond 110% of the band are gone",
        arguments: [22_050, 24_000, 32_000, 44_100, 48_000]
    )
    func aliases(hertz: Int) throws {
        let top = Double(hertz) / 2
        for frequency in [8_810.0, 9_700, 10_900, 0.8 * top, 0.98 * top] where frequency < top {
            let input = sines([frequency], hertz: hertz, count: hertz)
            let output = try resample(input, from: hertz)
            let decibels =
                10
                * log10(
                    energy(output) / energy(input) * Double(input.count) / Double(output.count)
                )
            #expect(decibels < -90, "\(frequency) Hz")
        }
    }

    @Test("As much comes out as went in", arguments: rates + [8_001, 15_999, 16_001, 37_799])
    func length(hertz: Int) throws {
        for count in [0, 1, 2, 3, 17, 100, 1_000, hertz / 3, hertz * 3 + 1] {
            let output = try resample(Array(repeating: 0.1, count: count), from: hertz)
            let expected = Double(count) * Double(Self.modelHertz) / Double(hertz)
            #expect(abs(Double(output.count) - expected) <= 1, "\(count) samples")
        }
    }

    @Test("Little audio is held back", arguments: rates)
    func delay(hertz: Int) throws {
        let resampler = try Resampler(fromHertz: hertz, toHertz: Self.modelHertz)
        var produced = 0
        var longest = 0.0
        for received in 1...hertz {
            try [Float(0.1)].withUnsafeBufferPointer {
                try resampler.append($0) { produced += $0.count }
            }
            let held =
                Double(received) / Double(hertz) - Double(produced) / Double(Self.modelHertz)
            longest = max(longest, held)
        }
        print("resampling \(hertz) Hz: at most \(longest * 1e3) ms held back")
        #expect(longest < 0.0125)
    }
}
