internal import Foundation
internal import Testing

extension EndToEnd {
    /// Tritons that die, stall and come back under live streams. Nobody who speaks may notice.
    @Suite(.serialized, WithTritonFleet()) struct Chaos {
        private static let lanes = 32
        private static let passages = 36
        /// How long a Triton may take over a chunk.
        static let inferTimeout = Duration.seconds(2)
        /// How much later finals may come beyond what cannot be helped (p95).
        private static let growth = Duration.seconds(1)

        let fleet: TritonFleet
        let recordings: [Recording]

        init() throws {
            fleet = try #require(TritonFleet.current)
            recordings = try Recording.all(try #require(Laboratory.current).places)
        }

        @Test(arguments: ChaosRun.all) func losesNoStream(run: ChaosRun) async throws {
            let log = ChaosLog()
            log.note("\(run.testDescription); \(ChaosRun.hint)")
            try await fleet.restore()
            try await withMartlets(run.policies) { martlets in
                let traffic = try await traffic(
                    of: Self.passages,
                    length: run.length,
                    seed: run.seed,
                    on: martlets
                )
                log.note("\(Self.passages) passages recognised undisturbed")
                let plan = FaultPlan(
                    seed: run.seed,
                    count: run.faults,
                    servers: TritonFleet.size,
                    timing: run.timing
                )
                let injector = FaultInjector(fleet.servers, log: log)
                let streams = try await traffic.run(lanes: Self.lanes, seed: run.seed) {
                    // Real streams in real time: what they feel undisturbed is measured first.
                    try await Task.sleep(for: run.calm)
                    try await injector.run(plan)
                }
                #expect(injector.injections.count == run.faults)
                check(streams, of: traffic, log)
                check(
                    FinalLatencies(
                        streams,
                        injector.injections,
                        deadline: Self.inferTimeout
                    ),
                    of: traffic,
                    log
                )
            }
        }

        /// Two cores are too few for few faults to say much of the time that they cost: the short
        /// form only tells.
        private func check(
            _ latencies: FinalLatencies,
            of traffic: LiveTraffic,
            _ log: ChaosLog
        ) {
            for line in latencies.lines { log.note(line) }
            guard ChaosRun.isLong else { return }
            let allowed = [
                (latencies.loud.open, Self.growth), (latencies.loud.ending, Self.growth),
                (latencies.away, Self.growth),
                (latencies.silent.open, Self.inferTimeout + Self.growth),
                (latencies.silent.ending, Self.inferTimeout + Self.growth),
            ]
            let isLate = allowed.contains { group, growth in
                latencies.growth(of: group) ?? .zero > growth
            }
            if isLate { log.tellLogs(of: traffic.martlets) }
            for (group, growth) in allowed {
                #expect(latencies.growth(of: group) ?? .zero <= growth, "\(ChaosRun.hint)")
            }
        }
    }
}
