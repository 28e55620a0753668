internal import Testing

@Suite struct FinalLatenciesTests {
    private let start = ContinuousClock.now

    /// A stream whose speech goes from one second to another, and whose final comes after so many
    /// milliseconds.
    private func stream(_ opened: Int, _ spoken: Int, latency: Int) -> LiveStream {
        let end = start + .seconds(spoken)
        let answered = end + .milliseconds(latency)
        return LiveStream(
            lane: 0,
            passage: 0,
            martlet: 0,
            opened: start + .seconds(opened),
            spoken: end,
            answered: answered,
            closed: answered
        )
    }

    private func fault(
        _ kind: Fault.Kind,
        at: Int,
        undone: Int
    ) -> FaultInjector.Injection {
        .init(kind: kind, server: 0, at: start + .seconds(at), undone: start + .seconds(undone))
    }

    @Test func streamsAreGroupedByWhatTheyFelt() {
        let streams = [
            stream(0, 9, latency: 1),  // before any fault
            stream(5, 11, latency: 2),  // ends just after the kill
            stream(9, 15, latency: 3),  // open at the kill, ends long after it
            stream(14, 16, latency: 4),  // comes while the server is away
            stream(11, 12, latency: 5),  // comes just after the kill
            stream(29, 34, latency: 6),  // ends before the stall is found for sure
            stream(31, 38, latency: 7),  // comes after the stall
            stream(5, 50, latency: 8),  // open at both, ends after both
            stream(60, 63, latency: 9),  // after all
        ]
        let latencies = FinalLatencies(
            streams,
            [fault(.kill, at: 10, undone: 20), fault(.stall, at: 30, undone: 40)],
            deadline: .seconds(2)
        )
        func milliseconds(_ durations: [Duration]) -> [Int] {
            durations.map { Int($0 / .milliseconds(1)) }
        }
        #expect(milliseconds(latencies.undisturbed) == [1, 9])
        #expect(milliseconds(latencies.loud.open) == [2, 3])
        #expect(milliseconds(latencies.loud.ending) == [2, 5])
        #expect(milliseconds(latencies.silent.open) == [6, 8])
        #expect(milliseconds(latencies.silent.ending) == [6])
        #expect(milliseconds(latencies.away) == [3, 4, 7, 8])
    }

    @Test func percentilesAreNearestRanks() {
        let latencies = (1...20).map { Duration.milliseconds($0) }.shuffled()
        #expect(FinalLatencies.percentile(50, of: latencies) == .milliseconds(10))
        #expect(FinalLatencies.percentile(95, of: latencies) == .milliseconds(19))
        #expect(FinalLatencies.percentile(100, of: latencies) == .milliseconds(20))
        #expect(FinalLatencies.percentile(95, of: [.seconds(1)]) == .seconds(1))
        #expect(FinalLatencies.percentile(95, of: []) == nil)
    }

    @Test func growthIsAgainstUndisturbedStreams() {
        let calm = (1...20).map { _ in stream(0, 9, latency: 100) }
        let latencies = FinalLatencies(
            calm + [stream(5, 11, latency: 900)],
            [fault(.backendKill, at: 10, undone: 12)],
            deadline: .seconds(2)
        )
        #expect(latencies.growth(of: latencies.silent.ending) == .milliseconds(800))
        #expect(latencies.growth(of: latencies.loud.open) == nil)
    }
}
