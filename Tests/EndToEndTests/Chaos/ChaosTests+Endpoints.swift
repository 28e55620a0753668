internal import Testing

/// Single faults, under fewer streams.
extension EndToEnd.Chaos {
    private static let fewLanes = 16
    private static let fewPassages = 16
    /// For how long real streams run, in real time, before and after what is done to their servers:
    /// long enough for every lane to have a stream under way, and for a Martlet to look at its
    /// endpoints. Nothing is waited for by it.
    private static let moment = Duration.seconds(3)

    /// Runs `body` under live streams, none of which may notice.
    /// - Parameters:
    ///   - length: The most speech in a stream.
    ///   - streamsEach: The most streams in a lane.
    private func underStreams(
        _ name: String,
        length: Duration = .seconds(4),
        streamsEach: Int = .max,
        on martlets: [Martlet],
        _ body: @Sendable (ChaosLog) async throws -> Void
    ) async throws {
        let log = ChaosLog()
        log.note("\(name); \(ChaosRun.hint)")
        let traffic = try await traffic(
            of: Self.fewPassages,
            length: length,
            seed: ChaosRun.seed,
            on: martlets
        )
        let streams = try await traffic.run(
            lanes: Self.fewLanes,
            streamsEach: streamsEach,
            seed: ChaosRun.seed
        ) {
            // Streams speak undisturbed for a moment,
            try await Task.sleep(for: Self.moment)
            try await body(log)
            // and for another one after it.
            try await Task.sleep(for: Self.moment)
        }
        check(streams, of: traffic, log)
    }

    /// A server that is told to go, as on an update, takes no stream with it.
    @Test func aServerIsDrained() async throws {
        try await fleet.restore()
        let server = fleet.servers[0]
        try await withMartlets(StatePolicy.offered) { martlets in
            try await underStreams("drain", on: martlets) { log in
                server.terminate()
                log.note("SIGTERM")
                await server.exited()
                log.note("it has gone")
            }
        }
    }

    /// A server that was not there when Martlet started is used once it comes, and takes over.
    @Test func aServerComesLate() async throws {
        try await fleet.restore()
        let late = fleet.servers[0]
        late.terminate()
        await late.exited()
        let others = fleet.servers.dropFirst()
        try await withMartlets(StatePolicy.offered) { martlets in
            try await underStreams("a late server", on: martlets) { log in
                try await late.start()
                try await late.untilReady()
                log.note("the late server is ready")
                // Streams may be on any of them by now.
                try await Task.sleep(for: Self.moment)
                for other in others { try other.kill() }
                log.note("the others were killed")
            }
        }
    }

    /// While no server is left, open streams wait.
    @Test func allServersAreGoneForAWhile() async throws {
        try await fleet.restore()
        let servers = fleet.servers
        try await withMartlets(StatePolicy.offered) { martlets in
            // One stream each, all of them open when the servers die: a new one would be refused.
            try await underStreams(
                "all servers are gone",
                length: Self.moment * 4,
                streamsEach: 1,
                on: martlets
            ) { log in
                for server in servers { try server.kill() }
                log.note("all were killed")
                // This is how long they are gone: it is what streams have to bear.
                try await Task.sleep(for: Self.moment)
                for server in servers { try await server.start() }
                log.note("all are started again")
                for server in servers { try await server.untilReady() }
                log.note("all are ready again")
            }
        }
    }
}
