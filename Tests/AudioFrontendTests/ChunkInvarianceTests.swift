internal import AudioFrontend
internal import Testing

@Suite struct ChunkInvarianceTests {
    @Test(
        "However the audio is cut, the frames are bitwise the same",
        arguments: [8_000, 11_025, 16_000, 16_001, 22_050, 24_000, 44_100, 48_000]
    )
    func cuts(hertz: Int) throws {
        let audio = Signals.bytes(Signals.chirp(hertz * 2 + 13))
        let whole = try frames(of: audio, hertz: hertz, tail: 10_560)
        #expect(whole.count == 266 * 80)
        let patterns = whole.map(\.bitPattern)
        let recording = Signals.wav(audio, hertz: hertz)
        for size in [1, 2, 3, 333, 3_200, 65_537] {
            for bytes in [audio, recording] {
                let cut = try frames(of: bytes, hertz: hertz, tail: 10_560) { size }
                #expect(cut.map(\.bitPattern) == patterns, "messages of \(size) bytes")
            }
        }
        for seed in UInt64(1)...5 {
            var generator = SeededGenerator(seed: seed)
            let cut = try frames(of: recording, hertz: hertz, tail: 10_560) {
                Int.random(
                    in: 1...(1 << Int.random(in: 0...13, using: &generator)),
                    using: &generator
                )
            }
            #expect(cut.map(\.bitPattern) == patterns, "cut at random, seed \(seed)")
        }
    }

    @Test("Streams at once do not disturb each other", arguments: [8_000, 44_100, 47_999])
    func concurrency(hertz: Int) async throws {
        let audio = Signals.bytes(Signals.chirp(hertz * 2))
        let alone = try frames(of: audio, hertz: hertz)
        let results = try await withThrowingTaskGroup(of: [Float].self) { group in
            for size in 100..<116 {
                group.addTask { try frames(of: audio, hertz: hertz) { size } }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.count == 16)
        #expect(results.allSatisfy { $0.map(\.bitPattern) == alone.map(\.bitPattern) })
    }

    @Test("Durations are at the client's rate")
    func durations() throws {
        let frontend = try AudioFrontend(
            sampleRateHertz: 44_100,
            filterbank: FilterbankConfiguration()
        )
        #expect(frontend.receivedDuration == .zero)
        try frontend.append(Signals.bytes(Array(repeating: 0, count: 66_150))[...])
        #expect(frontend.receivedSamples == 66_150)
        #expect(frontend.receivedDuration == .milliseconds(1_500))
    }
}
