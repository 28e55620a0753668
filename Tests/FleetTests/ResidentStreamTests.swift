internal import Fleet
internal import GRPCTransport
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

/// Streams whose states stay on the endpoints: where they live, what it takes to move them, and that
/// nothing of it shows.
@Suite(.timeLimit(.minutes(1))) struct ResidentStreamTests {
    @Test func aStreamIsOneSequenceWhereItStarted() async throws {
        try await ResidentStage.with(3) { stage in
            var stream = try ResidentTestStream(seed: 1, on: stage.fleet)
            try await stream.run(25)
            let records = stage.doubles.map(\.record).filter { !$0.chunks.isEmpty }
            #expect(records.count == 1)
            #expect(records[0].chunks == (0..<25).map { "1/1/\($0)" })
            #expect(records[0].started.count == 1 && records[0].restoreCount == 0)
            let report = try #require(stage.fleet.report.resident)
            #expect(report.moves == 0 && (2...3).contains(report.snapshots))
            stream.end()
            stream.end()
            await stage.everySequenceEnded()
            #expect(stage.doubles.map(\.record.endCount).reduce(0, +) == 1)
            #expect(stage.fleet.report.resident?.endedSequences == 1)
        }
    }

    /// A stream of which nothing was ever sent has nothing to end.
    @Test func aStreamWithoutAChunkTouchesNothing() async throws {
        try await ResidentStage.with { stage in
            try ResidentTestStream(seed: 1, on: stage.fleet).end()
            await stage.everySequenceEnded()
            #expect(stage.double.record.started.isEmpty && stage.double.ends.count == 0)
        }
    }

    @Test func streamsOfManyTasksKeepApart() async throws {
        try await ResidentStage.with(3) { stage in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for seed in 0..<20 {
                    group.addTask {
                        var stream = try ResidentTestStream(seed: UInt64(seed), on: stage.fleet)
                        try await stream.run(25)
                        stream.end()
                    }
                }
                try await group.waitForAll()
            }
            await stage.everySequenceEnded()
            let records = stage.doubles.map(\.record)
            #expect(records.map(\.chunks.count).reduce(0, +) == 500)
            #expect(records.map(\.started.count).reduce(0, +) == 20)
            #expect(records.map(\.endCount).reduce(0, +) == 20)
        }
    }

    // MARK: Failures

    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var fate: SequenceDouble.Fate
        var fencedAnswers = 0
    }

    static let faults = [
        Fault(testDescription: "unavailable", fate: .refused(.unavailable, "going away")),
        Fault(testDescription: "unloaded", fate: .refused(.notFound, "no available versions")),
        Fault(testDescription: "an error", fate: .refused(.internal, "out of memory")),
        Fault(testDescription: "an error after the run", fate: .failed(.internal, "no answer")),
        Fault(testDescription: "lost after the run", fate: .failed(.unavailable, "gone")),
        Fault(testDescription: "a refusal", fate: .refused(.invalidArgument, "a bad shape")),
        Fault(
            testDescription: "another request's answer",
            fate: .changed { $0.id = "9/9/9" },
            fencedAnswers: 1
        ),
        Fault(
            testDescription: "an answer without its tensor",
            fate: .changed {
                $0.outputs = []
                $0.rawOutputContents = []
            }
        ),
    ]

    /// Whatever becomes of a chunk where its stream lives, another endpoint takes over, and nothing
    /// is sent a second time to the sequence, which is ended.
    @Test(arguments: faults, [3, 10, 14])
    func anotherEndpointTakesOver(_ fault: Fault, after chunkCount: Int) async throws {
        try await ResidentStage.with(2) { stage in
            var stream = try ResidentTestStream(seed: 2, on: stage.fleet)
            try await stream.run(chunkCount)
            let old = try stage.home(of: stream)
            let new = try #require(stage.doubles.first { $0 !== old })
            old.fate { $0.hasFeatures && !$0.isProbe ? fault.fate : .right }
            try await stream.run(12)
            #expect(old.record.chunks.count <= chunkCount + 1)
            #expect(new.record.started.count == 1)
            // Of ten chunks at most all were to be repeated.
            #expect((12...22).contains(new.record.chunks.count))
            let report = try #require(stage.fleet.report.resident)
            #expect(report.moves == 1 && report.restores == new.record.restoreCount)
            #expect(report.repeatedChunks == new.record.chunks.count - 12)
            #expect(report.fencedAnswers == fault.fencedAnswers)
            stream.end()
            old.fate { _ in .right }
            try await stage.fleet.check()
            await stage.everySequenceEnded()
        }
    }

    @Test func aStreamWhoseSequenceIsForgottenGoesOn() async throws {
        try await ResidentStage.with { stage in
            var stream = try ResidentTestStream(seed: 3, on: stage.fleet)
            try await stream.run(13)
            stage.double.forget()
            try await stream.run(2)
            stage.double.restartModel()
            try await stream.run(2)
            #expect(stage.fleet.readiness.isReady, "it is not the endpoint's fault")
            #expect(stage.fleet.report.endpoints[0].failures == 0)
            let report = try #require(stage.fleet.report.resident)
            #expect(report.forgottenSequences == 2 && report.moves == 2 && report.restores == 2)
            stream.end()
            await stage.everySequenceEnded()
        }
    }

    /// An endpoint that knows nothing of what was started there a moment ago is no good.
    @Test func anEndpointThatForgetsAtOnceIsLeft() async throws {
        try await ResidentStage.with(2) { stage in
            var stream = try ResidentTestStream(seed: 4, on: stage.fleet)
            try await stream.run(5)
            let old = try stage.home(of: stream)
            old.forget()
            old.fate { [weak old] request in
                if !request.starts { old?.forget() }
                return .right
            }
            // Wherever it is placed next, it ends up where its sequences are kept.
            try await stream.run(5)
            stream.end()
        }
    }

    @Test func aDrainedEndpointsStreamsMoveAtTheirNextChunk() async throws {
        try await ResidentStage.with(2) { stage in
            var stream = try ResidentTestStream(seed: 5, on: stage.fleet)
            try await stream.run(12)
            let old = try stage.home(of: stream)
            let new = try #require(stage.doubles.first { $0 !== old })
            old.change { $0.isServerReady = false }
            try await stage.fleet.check()
            #expect(new.record.chunks.isEmpty)
            try await stream.run(1)
            #expect(old.record.chunks.count == 12 && !new.record.chunks.isEmpty)
            await old.ends.reached(1)
            #expect(old.record.open.isEmpty)
            stream.end()
            await stage.everySequenceEnded()
        }
    }

    @Test func anEndpointThatDoesNotAnswerIsToldOnceItAdmits() async throws {
        try await ResidentStage.with(2) { stage in
            var streams = try (0..<4).map { try ResidentTestStream(seed: $0, on: stage.fleet) }
            for index in streams.indices { try await streams[index].run(3) }
            let old = try stage.home(of: streams[0])
            let count = old.record.open.count
            old.fate { $0.isProbe ? .right : .refused(.unavailable, "gone") }
            for index in streams.indices { try await streams[index].run(1) }
            await stage.fleet.drain()
            #expect(old.record.open.count == count && old.ends.count == 0)
            old.fate { _ in .right }
            stage.clock.advance(by: .seconds(30))
            try await stage.fleet.check()
            await old.ends.reached(count)
            #expect(stage.fleet.report.resident?.droppedEnds == 0)
            for stream in streams { stream.end() }
            await stage.everySequenceEnded()
        }
    }

    /// The chunk may have run: the stream goes on in another sequence.
    @Test func aCancelledChunkLeavesTheStreamWhereItWas() async throws {
        try await ResidentStage.with { stage in
            let double = stage.double
            let stream = Turns(try ResidentTestStream(seed: 6, on: stage.fleet))
            try await stream.value.run(3)
            let chunk = stream.value.makeChunk()
            let held = stage.fleet.report.resident?.heldSnapshotBytes
            double.fate { $0.hasFeatures ? .unanswered : .right }
            let running = Task { await stream.value.fail(chunk) }
            await double.chunks.reached(4)
            running.cancel()
            #expect(await running.value?.kind == .cancelled)
            #expect(stage.fleet.report.resident?.heldSnapshotBytes == held)
            double.fate { _ in .right }
            try await stream.value.run(chunk)
            try await stream.value.run(3)
            #expect(double.record.started.count == 2)
            #expect(stage.fleet.readiness.isReady, "it is not the endpoint's fault")
            stream.value.end()
            await stage.everySequenceEnded()
        }
    }

    /// What two tasks use in turns: one waits for the other's end before it goes on.
    private final class Turns<Value>: @unchecked Sendable {
        var value: Value

        init(_ value: Value) {
            self.value = value
        }
    }

    @Test func aStreamIsNotRestoredInAnotherVersion() async throws {
        try await ResidentStage.with(2, { $0.patience = .seconds(5) }) { stage in
            var stream = try ResidentTestStream(seed: 7, on: stage.fleet)
            try await stream.run(3)
            let old = try stage.home(of: stream)
            let new = try #require(stage.doubles.first { $0 !== old })
            new.change { $0.modelVersion = "2" }
            old.change { $0.isServerReady = false }
            try await stage.fleet.check()
            let moving = Task {
                while !Task.isCancelled {
                    await stage.clock.sleeperArrived()
                    stage.clock.advance(by: .seconds(1))
                }
            }
            let chunk = stream.makeChunk()
            let error = await stream.fail(chunk)
            #expect(error?.kind == .incompatible)
            #expect(
                error?.message == """
                    \(new.address): runs version 2 of model "tiny-encoder-resident"; the stream's \
                    state is of version 1, which no endpoint runs that admits work
                    """
            )
            moving.cancel()
            #expect(stage.fleet.readiness.isReady, "it is not the endpoint's fault")

            // A stream that begins does not mind.
            var other = try ResidentTestStream(seed: 8, on: stage.fleet)
            try await other.run(3)
            new.change { $0.modelVersion = "1" }
            try await stream.run(chunk)
            stream.end()
            other.end()
            old.change { $0.isServerReady = true }
            try await stage.fleet.check()
            await stage.everySequenceEnded()
        }
    }

    // MARK: Memory

    @Test func streamsBeyondTheBudgetDoNotBegin() async throws {
        // A state of 64 bytes and 5 chunks of 80.
        try await ResidentStage.with(
            1,
            {
                $0.snapshotInterval = 5
                $0.maximumSnapshotBytes = 1000
            }
        ) { stage in
            func resident() throws -> ResidentReport { try #require(stage.fleet.report.resident) }
            var first = try ResidentTestStream(seed: 9, on: stage.fleet)
            let second = try ResidentTestStream(seed: 10, on: stage.fleet)
            #expect(try resident().reservedSnapshotBytes == 928)
            #expect(
                throws: FleetError(
                    .overloaded,
                    """
                    2 streams are open, whose snapshots may take 464 bytes each and \
                    snapshots.max_bytes, 1000, together; raise it, or have snapshots come more \
                    often by snapshots.interval
                    """
                )
            ) { _ = try stage.fleet.openStream() }
            #expect(stage.fleet.report.openStreams == 2)
            second.end()
            let third = try ResidentTestStream(seed: 11, on: stage.fleet)

            #expect(try resident().heldSnapshotBytes == 0)
            var held: [Int] = []
            for _ in 0..<10 {
                try await first.run()
                held.append(try resident().heldSnapshotBytes)
            }
            // A frame of 16 bytes is shared with the chunk before.
            let steps = zip(held, held.dropFirst()).map { $1 - $0 }
            #expect(held[0] == 80 || held[0] == 64)
            #expect(held.contains(64), "a snapshot and nothing since")
            #expect(held.max() == 64 + 80 + 3 * 64)
            #expect(steps.count { $0 == 64 } >= 4)
            first.end()
            third.end()
            #expect(try resident().heldSnapshotBytes == 0)
            #expect(try resident().reservedSnapshotBytes == 0)
        }
    }

    // MARK: Balance

    @Test func streamsMoveToAnEndpointWithLessToDo() async throws {
        try await ResidentStage.with(
            2,
            {
                $0.snapshotInterval = 2
                $0.rebalancing.maximumMovesPerSecond = 10
                $0.rebalancing.persistence = .seconds(1)
            }
        ) { stage in
            let (loaded, empty) = (stage.doubles[0], stage.doubles[1])
            empty.change { $0.isServerReady = false }
            try await stage.fleet.check()
            var streams = try (0..<12).map {
                try ResidentTestStream(seed: UInt64($0), on: stage.fleet)
            }
            for index in streams.indices { try await streams[index].run(2) }
            #expect(loaded.record.open.count == 12)
            empty.change { $0.isServerReady = true }
            try await stage.fleet.check()
            for _ in 0..<20 {
                for index in streams.indices { try await streams[index].run() }
                stage.clock.advance(by: .milliseconds(200))
            }
            let report = try #require(stage.fleet.report.resident)
            #expect(report.rebalancingMoves > 0 && report.moves == report.rebalancingMoves)
            #expect(report.repeatedChunks == 0)
            #expect(stage.fleet.report.endpoints.map(\.streams).allSatisfy { $0 >= 3 })
            for stream in streams { stream.end() }
            await stage.everySequenceEnded()
            #expect(stage.fleet.report.endpoints.map(\.streams) == [0, 0])
        }
    }

    // MARK: All at once

    /// Streams on endpoints that do everything badly now and then: not a bit of any output changes,
    /// and no sequence stays behind.
    @Test func noFaultShowsInTheOutputs() async throws {
        var random = SplitMix64.announced()
        let dice = Dice(seed: random.next())
        let doubles = try (0..<3).map { _ in try SequenceDouble() }
        for double in doubles {
            double.fate { [weak double] request in
                guard !request.isProbe, request.hasFeatures else { return .right }
                switch dice.roll(1000) {
                case ..<10: return .refused(.unavailable, "lost on the way")
                case ..<20: return .failed(.unavailable, "lost on the way back")
                case ..<25: return .failed(.internal, "failed after the run")
                case ..<30: return .changed { $0.id = "1/1/1" }
                case ..<32: return .unanswered
                case ..<35: double?.forget()
                case ..<38: double?.restartModel()
                // The first chunk's would be the stream's from then on.
                case ..<41 where !request.id.hasSuffix("/0"):
                    return .changed { $0.modelVersion = "3" }
                default: break
                }
                return .right
            }
        }
        var configuration = Fleet.Configuration()
        configuration.inferTimeout = .seconds(2)
        configuration.patience = .seconds(40)
        configuration.probeInterval = .milliseconds(50)
        configuration.snapshotInterval = 4
        configuration.admission.headroom = .seconds(1000)
        configuration.rebalancing.maximumMovesPerSecond = 100
        configuration.rebalancing.persistence = .zero
        configuration.pool.health.minimumProbePause = .milliseconds(1)
        configuration.pool.health.maximumProbePause = .milliseconds(5)
        configuration.pool.health.minimumEjection = .milliseconds(5)
        configuration.pool.health.maximumEjection = .milliseconds(20)
        configuration.pool.retries.minimumRate = 10_000
        let fleet = try Fleet(
            model: ResidentStage.residentModel,
            addresses: doubles.map(\.address),
            configuration: configuration,
            seed: random.next(),
            clock: ContinuousClock(),
            logger: silentLogger
        )
        try await fleet.check()
        let watching = Task { await fleet.watch() }
        let seeds = (0..<8).map { _ in random.next() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in seeds {
                group.addTask {
                    var stream = try ResidentTestStream(seed: seed, on: fleet)
                    try await stream.run(60)
                    stream.end()
                }
            }
            try await group.waitForAll()
        }
        for double in doubles { double.fate { _ in .right } }
        for double in doubles {
            while !double.record.open.isEmpty, !Task.isCancelled { await Task.yield() }
            #expect(double.record.reused.isEmpty)
        }
        let report = try #require(fleet.report.resident)
        #expect(report.moves > 5 && report.restores > 0 && report.droppedEnds == 0, "\(report)")
        #expect(report.heldSnapshotBytes == 0 && report.reservedSnapshotBytes == 0)
        watching.cancel()
        await watching.value
        fleet.close()
        for double in doubles { await double.close() }
    }
}
