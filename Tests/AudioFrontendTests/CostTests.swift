internal import AudioFrontend
internal import Foundation
internal import Glibc
internal import Testing

/// What a stream costs. The figures are printed; the bounds are loose, for a busy machine, and catch
/// only a cost that has grown out of proportion.
@Suite(.serialized) struct CostTests {
    @Test("Time for a second of audio", arguments: [16_000, 8_000, 44_100, 48_000])
    func time(hertz: Int) throws {
        let bytes = Signals.bytes(Signals.chirp(hertz * 10))
        let frontend = try AudioFrontend(
            sampleRateHertz: hertz,
            filterbank: FilterbankConfiguration()
        )
        let messageBytes = hertz / 50 * 2
        var best = Duration.seconds(60)
        for _ in 0..<5 {
            var start = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
            try frontend.append(bytes) { messageBytes }
            var end = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
            frontend.discardFrames(before: frontend.frameCount)
            let elapsed =
                Duration.seconds(end.tv_sec - start.tv_sec)
                + .nanoseconds(end.tv_nsec - start.tv_nsec)
            best = min(best, elapsed)
        }
        print("\(hertz) Hz in 20 ms messages: \(best / 10) of CPU a second of audio")
        #expect(best < .milliseconds(50))
    }

    @Test("Memory of a stream", arguments: [16_000, 8_000, 16_001, 44_100, 48_000])
    func memory(hertz: Int) throws {
        // Pages in use; tests that run at the same time disturb it a little.
        func bytesInUse() throws -> Int {
            let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
                .split(separator: " ")
            return try #require(Int(fields[1])) * sysconf(Int32(_SC_PAGESIZE))
        }
        let configuration = try FilterbankConfiguration()
        let audio = Signals.bytes(Signals.chirp(hertz))
        let before = try bytesInUse()
        let frontends = try (0..<400).map { _ in
            let frontend = try AudioFrontend(sampleRateHertz: hertz, filterbank: configuration)
            try frontend.append(audio[...])
            frontend.discardFrames(before: frontend.frameCount)
            return frontend
        }
        let bytes = try (bytesInUse() - before) / frontends.count
        print("\(hertz) Hz: \(bytes) bytes a stream that has had a second of audio")
        #expect(bytes < 256 * 1_024)
        #expect(frontends.allSatisfy { $0.receivedSamples == hertz })
    }
}
