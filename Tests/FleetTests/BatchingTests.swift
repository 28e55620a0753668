internal import Fleet
internal import GRPCTransport
internal import ModelBundle
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

/// Streams that share requests, over real connections. Every answer is compared with what the stream
/// would get alone, bit by bit.
@Suite(.timeLimit(.minutes(1))) struct BatchingTests {
    /// Runs some chunks of each of some streams at the same time.
    private func run(
        _ streams: Int,
        chunks: Int,
        on fleet: Fleet,
        firstSeed: UInt64 = 0
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in 0..<streams {
                group.addTask {
                    var stream = try TestStream(seed: firstSeed + UInt64(seed), on: fleet)
                    for _ in 0..<chunks { try await stream.run() }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func streamsShareRequests() async throws {
        try await FleetStage.with(2) { stage in
            try await run(64, chunks: 20, on: stage.fleet)
            let statistics = stage.fleet.statistics
            #expect(statistics.chunks == 64 * 20)
            #expect(statistics.waiting == 0)
            #expect(statistics.splits == 0)
            let sizes = stage.doubles.flatMap(\.batchSizes)
            #expect(sizes.count == statistics.requests)
            #expect(sizes.reduce(0, +) == 64 * 20)
            #expect((sizes.max() ?? 0) <= 32)
            #expect(statistics.meanBatch > 2, "\(statistics)")
        }
    }

    @Test func aMaximumOfOneSharesNothing() async throws {
        try await FleetStage.with(1, { $0.batching.maximumBatch = 1 }) { stage in
            try await run(8, chunks: 5, on: stage.fleet)
            #expect(stage.double.batchSizes == [Int](repeating: 1, count: 40))
        }
    }

    /// While an endpoint is busy, chunks wait for the maximum and then go together.
    @Test func chunksWaitNoLongerThanTheMaximum() async throws {
        try await FleetStage.with { stage in
            let release = Tally()
            stage.double.answer(.held(until: release))
            let first = Task { try await run(1, chunks: 1, on: stage.fleet) }
            await stage.double.inferences.reached(1)
            let others = Task { try await run(3, chunks: 1, on: stage.fleet, firstSeed: 10) }
            while stage.fleet.statistics.waiting < 3 { await Task.yield() }
            await stage.clock.sleeperArrived()
            stage.clock.advance(by: stage.fleet.configuration.batching.maximumWait)
            await stage.double.inferences.reached(2)
            #expect(stage.double.batchSizes == [1, 3])
            release.add()
            try await first.value
            try await others.value
        }
    }

    // MARK: Faults

    /// One stream's bad chunk fails that stream, and none of those that went with it.
    @Test(arguments: [1, 2])
    func oneBadChunkFailsItsStreamAlone(_ endpoints: Int) async throws {
        let doubles = try (0..<endpoints).map { _ in try TritonDouble() }
        var configuration = Fleet.Configuration()
        configuration.inferTimeout = .seconds(20)
        configuration.patience = .seconds(40)
        configuration.batching.maximumOutstandingRequests = 1
        configuration.pool.retries.minimumRate = 10_000
        // Whoever refuses the bad chunk when there is nothing else to run is probed.
        configuration.pool.health.minimumProbePause = .milliseconds(1)
        configuration.pool.health.maximumProbePause = .milliseconds(10)
        let fleet = try Fleet(
            model: try TinyModel().bundle.description.encoder,
            addresses: doubles.map(\.address),
            configuration: configuration,
            logger: silentLogger
        )
        try await fleet.check()
        let watching = Task { await fleet.watch() }
        let release = Tally()
        for double in doubles {
            double.answer(.held(until: release))
            double.change {
                $0.refusal = { $0[0] == 1000 }
                $0.probeAnswer = .right
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await run(20, chunks: 3, on: fleet) }
            for double in doubles { await double.inferences.reached(1) }
            group.addTask {
                let stream = try TestStream(seed: 100, on: fleet)
                var chunk = [Float](repeating: 0, count: TinyEncoder.featureCount)
                chunk[0] = 1000
                let error = await stream.fail(chunk)
                #expect(error?.kind == .backendFailure)
                #expect(error?.message.contains("a chunk that cannot be run") == true)
            }
            while fleet.statistics.waiting < 21 - endpoints { await Task.yield() }
            release.add()
            try await group.waitForAll()
        }
        #expect(fleet.statistics.splits > 0)
        watching.cancel()
        await watching.value
        fleet.close()
        for double in doubles { await double.close() }
    }

    /// A batch that is lost, cut short or spoilt runs elsewhere, and each stream gets its own.
    @Test(arguments: [
        TritonDouble.Answer.failure(.unavailable, "restarting"),
        .failure(.internal, "out of memory"),
        .bytes([0xff, 0xfe]),
        .changed { $0.outputs[1].shape[1] += 1 },
        .changed { $0.rawOutputContents[2].removeLast() },
    ])
    func aBatchThatFailsRunsElsewhere(_ answer: TritonDouble.Answer) async throws {
        try await FleetStage.with(
            2,
            { $0.pool.retries.minimumRate = 10_000 }
        ) { stage in
            stage.doubles[0].answer(answer)
            try await run(40, chunks: 10, on: stage.fleet)
            #expect(stage.doubles[0].inferences.count > 0)
            #expect(stage.fleet.complaints.hasPrefix(stage.doubles[0].address))
        }
    }

    // MARK: Cancellation

    /// Streams that are cancelled at any moment take nothing of the others' with them.
    @Test func cancelledStreamsLeaveTheOthersAlone() async throws {
        try await FleetStage.with(2) { stage in
            var random = SplitMix64.announced()
            let yields = (0..<200).map { _ in Int.random(in: 0...50, using: &random) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await run(20, chunks: 30, on: stage.fleet) }
                for (seed, yields) in yields.enumerated() {
                    group.addTask {
                        let running = Task {
                            var stream = try TestStream(seed: UInt64(seed), on: stage.fleet)
                            while true { try await stream.run() }
                        }
                        for _ in 0..<yields { await Task.yield() }
                        running.cancel()
                        do {
                            try await running.value
                        } catch {
                            #expect((error as? FleetError)?.kind == .cancelled)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(stage.fleet.statistics.waiting == 0)
            #expect(stage.fleet.complaints.isEmpty)
        }
    }

    @Test func aCancelledTaskEncodesNothing() async throws {
        try await FleetStage.with { stage in
            let running = Task {
                while !Task.isCancelled { await Task.yield() }
                var stream = try TestStream(seed: 1, on: stage.fleet)
                return await stream.fail(stream.makeChunk())
            }
            running.cancel()
            let error = try await running.value
            #expect(error?.kind == .cancelled)
            #expect(stage.double.inferences.count == 0)
        }
    }
}

extension Fleet {
    /// Of a fleet whose states travel.
    fileprivate var statistics: BatchStatistics { batchStatistics ?? BatchStatistics() }
}
