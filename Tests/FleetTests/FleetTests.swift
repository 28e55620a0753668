internal import Fleet
internal import Foundation
internal import GRPCTransport
internal import ModelBundle
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

/// Running chunks: state, failures and who takes over.
@Suite(.timeLimit(.minutes(1))) struct FleetTests {
    /// The state of each of many streams goes with its own chunks, wherever they are run.
    @Test func eachStreamCarriesItsOwnState() async throws {
        try await FleetStage.with(3) { stage in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for seed in 0..<20 {
                    group.addTask {
                        var stream = try TestStream(seed: UInt64(seed), on: stage.fleet)
                        for _ in 0..<20 { try await stream.run() }
                    }
                }
                try await group.waitForAll()
            }
            #expect(stage.doubles.flatMap(\.batchSizes).reduce(0, +) == 400)
        }
    }

    @Test func aStreamBeginsWithZeros() async throws {
        try await FleetStage.with { stage in
            var stream = try TestStream(seed: 1, on: stage.fleet)
            try await stream.run()
            let request = try #require(stage.double.lastRequest)
            #expect(request.rawInputContents.map(\.count) == [80, 56, 8])
            #expect(request.rawInputContents[1...].allSatisfy { $0.allSatisfy { $0 == 0 } })
        }
    }

    @Test func readyEndpointsTakeTurns() async throws {
        try await FleetStage.with(3, { $0.pool.balancing = .roundRobin }) { stage in
            var stream = try TestStream(seed: 1, on: stage.fleet)
            for _ in 0..<12 { try await stream.run() }
            #expect(stage.doubles.map(\.inferences.count) == [4, 4, 4])
            // What one of three would have taken is shared by the others.
            stage.doubles[1].change { $0.isServerReady = false }
            try await stage.fleet.check()
            for _ in 0..<12 { try await stream.run() }
            #expect(stage.doubles[1].inferences.count == 4)
            #expect(stage.doubles[0].inferences.count > 4)
            #expect(stage.doubles[2].inferences.count > 4)
        }
    }

    // MARK: Failures

    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var answer: TritonDouble.Answer
        var kind: FleetError.Kind
        /// A part of the message.
        var message: String
        /// Whether the endpoint is left for it at once, or only when another one could run the chunk.
        var leaves: Bool
        /// Long, so that a busy machine is not taken for a fault; real, since gRPC keeps the time.
        var inferTimeout = Duration.seconds(20)
    }

    static let faults = [
        Fault(
            testDescription: "unavailable",
            answer: .failure(.unavailable, "restarting"),
            kind: .unavailable,
            message: "UNAVAILABLE: restarting",
            leaves: true
        ),
        Fault(
            testDescription: "model unloaded",
            answer: .failure(.notFound, "no available versions"),
            kind: .unavailable,
            message: "NOT_FOUND: no available versions",
            leaves: true
        ),
        Fault(
            testDescription: "too slow",
            answer: .never,
            kind: .deadlineExceeded,
            message: "took longer than 3.0 seconds",
            leaves: true,
            inferTimeout: .seconds(3)
        ),
        Fault(
            testDescription: "calls cancelled by the server",
            answer: .failure(.cancelled, "Cancelled on the server side"),
            kind: .unavailable,
            message: "CANCELLED: Cancelled on the server side",
            leaves: true
        ),
        Fault(
            testDescription: "an error of the model's",
            answer: .failure(.internal, "out of memory"),
            kind: .backendFailure,
            message: "INTERNAL: out of memory",
            leaves: false
        ),
        Fault(
            testDescription: "a refusal",
            answer: .failure(.invalidArgument, "unexpected shape"),
            kind: .backendFailure,
            message: "INVALID_ARGUMENT: unexpected shape",
            leaves: false
        ),
        Fault(
            testDescription: "an answer far too long",
            answer: .bytes([UInt8](repeating: 0, count: 3 << 20)),
            kind: .backendFailure,
            message: "RESOURCE_EXHAUSTED",
            leaves: false
        ),
        Fault(
            testDescription: "another shape",
            answer: .changed { $0.outputs[0].shape = [1, 3, 2] },
            kind: .incompatible,
            message: #"output "encoder_out" has shape [1, 3, 2]"#,
            leaves: false
        ),
        Fault(
            testDescription: "a missing state",
            answer: .changed {
                $0.outputs.removeLast()
                $0.rawOutputContents.removeLast()
            },
            kind: .incompatible,
            message: #"output "new_lens" is missing"#,
            leaves: false
        ),
        Fault(
            testDescription: "garbage",
            answer: .bytes([0xff, 0xfe, 0xfd]),
            kind: .incompatible,
            message: "not a ModelInferResponse",
            leaves: false
        ),
    ]

    /// A chunk that fails everywhere leaves its stream where it was, and can be run again.
    @Test(arguments: faults)
    func aFailedChunkCanBeRunAgain(_ fault: Fault) async throws {
        try await FleetStage.with(
            1,
            { $0.inferTimeout = fault.inferTimeout }
        ) { stage in
            let (fleet, double) = (stage.fleet, stage.double)
            var stream = try TestStream(seed: 5, on: fleet)
            try await stream.run()
            double.answer(fault.answer)
            let chunk = stream.makeChunk()
            let error = await stream.wait(chunk, on: stage)
            #expect(error?.kind == fault.kind)
            #expect(error?.message.contains(fault.message) == true, "\(error as Any)")
            #expect(double.inferences.count == 2, "it is not asked again before it was probed")
            // Whatever it was: nobody knows that it was not the endpoint.
            #expect(!fleet.readiness.isReady)
            #expect(fleet.complaints.hasPrefix(double.address))

            double.answer(.right)
            try await fleet.check()
            #expect(fleet.readiness.isReady)
            #expect(fleet.complaints.isEmpty)
            try await stream.run(chunk)
            try await stream.run()
        }
    }

    /// A chunk whose endpoint fails is run by another as if nothing had happened.
    @Test(arguments: faults)
    func anotherEndpointTakesOver(_ fault: Fault) async throws {
        try await FleetStage.with(
            2,
            {
                $0.inferTimeout = fault.inferTimeout
                $0.pool.balancing = .roundRobin
            }
        ) { stage in
            stage.doubles[0].answer(fault.answer)
            var stream = try TestStream(seed: 6, on: stage.fleet)
            for _ in 0..<8 { try await stream.run() }
            #expect(stage.doubles[1].inferences.count == 8)
            // One that is lost is not asked again; one that answers, so many times.
            let limit = stage.fleet.configuration.pool.health.failuresToEject
            #expect(stage.doubles[0].inferences.count == (fault.leaves ? 1 : limit))
            #expect(stage.fleet.readiness.isReady)
            #expect(stage.fleet.complaints.hasPrefix(stage.doubles[0].address))
        }
    }

    /// A server that is stopped ends its calls as CANCELLED, which is not the stream's doing.
    @Test func aChunkSurvivesAServerThatIsStopped() async throws {
        try await FleetStage.with(2) { stage in
            for double in stage.doubles { double.answer(.never) }
            var stream = try TestStream(seed: 7, on: stage.fleet)
            let closing = Task {
                // Whichever of them has the chunk.
                await withTaskGroup(of: TritonDouble.self) { group in
                    for double in stage.doubles {
                        group.addTask {
                            await double.inferences.reached(1)
                            return double
                        }
                    }
                    guard let stopped = await group.next() else { return }
                    for double in stage.doubles where double !== stopped { double.answer(.right) }
                    await stopped.close()
                    group.cancelAll()
                }
            }
            try await stream.run()
            await closing.value
            #expect(stage.doubles.map(\.inferences.count) == [1, 1])
        }
    }

    /// Every endpoint is asked once and probed before it is asked again.
    @Test func aChunkThatFailsEverywhereIsGivenUpInTheEnd() async throws {
        try await FleetStage.with(4, { $0.patience = Self.endlessPatience }) { stage in
            for double in stage.doubles {
                double.change {
                    $0.answer = .failure(.internal, "no")
                    $0.probeAnswer = .right
                }
            }
            let running = Task {
                var stream = try TestStream(seed: 8, on: stage.fleet)
                return await stream.fail(stream.makeChunk())
            }
            await stage.clock.sleeperArrived()
            #expect(stage.doubles.map(\.inferences.count) == [1, 1, 1, 1])
            #expect(!stage.fleet.readiness.isReady, "no other stream's chunks were run meanwhile")
            try await stage.fleet.check()
            let error = try await running.value
            #expect(error?.kind == .backendFailure)
            let asked = stage.doubles.map(\.inferences.count).reduce(0, +)
            #expect(asked == BatchQueue.maximumRefusals)
            #expect(stage.fleet.readiness.isReady, "who passed the probe goes on")
        }
    }

    /// Longer than the clock of any test moves.
    private static let endlessPatience = Duration.seconds(1_000_000)

    /// Servers whose backends have died say that they are ready, and are found out by a probe.
    @Test func aChunkThatFailsEverywhereHasTheEndpointsProbed() async throws {
        try await FleetStage.with(2, { $0.patience = Self.endlessPatience }) { stage in
            for double in stage.doubles { double.answer(.failure(.internal, "no backend")) }
            let watching = Task { await stage.fleet.watch() }
            let running = Task {
                var stream = try TestStream(seed: 13, on: stage.fleet)
                for _ in 0..<3 { try await stream.run() }
            }
            await stage.advance { !stage.fleet.readiness.isReady }
            #expect(stage.doubles.map(\.inferences.count) == [1, 1])
            #expect(stage.fleet.complaints.contains("INTERNAL: no backend"))
            stage.doubles[1].answer(.right)
            await stage.advance { stage.fleet.readiness.isReady }
            try await running.value
            #expect(stage.doubles.map(\.inferences.count) == [1, 4])
            watching.cancel()
            await watching.value
        }
    }

    // MARK: Nobody to run it

    @Test func withoutAnEndpointEachIsNamedWithItsReason() async throws {
        try await FleetStage.with(
            2,
            deadAddresses: [FleetStage.deadAddress]
        ) { stage in
            stage.doubles[0].change { $0.isServerReady = false }
            stage.doubles[1].change { $0.isModelReady = false }
            try await stage.fleet.check()
            var stream = try TestStream(seed: 9, on: stage.fleet)
            let error = await stream.wait(stream.makeChunk(), on: stage)
            #expect(error?.kind == .unavailable)
            let message = error?.message ?? ""
            let prefix = "no inference server is ready to run it (127.0.0.1:1: UNAVAILABLE: "
            #expect(message.hasPrefix(prefix), "\(message)")
            #expect(message.contains("\(stage.doubles[0].address): the server is not ready"))
            #expect(
                message.contains(
                    #"\#(stage.doubles[1].address): model "tiny-encoder" is not ready there"#
                )
            )
        }
    }

    @Test func anEndpointThatWasNeverReachedSaysSo() async throws {
        let clock = ManualClock()
        let fleet = try Fleet(
            model: try TinyModel().bundle.description.encoder,
            addresses: [FleetStage.deadAddress],
            configuration: .init(),
            clock: clock,
            logger: silentLogger
        )
        let running = Task {
            var stream = try TestStream(seed: 9, on: fleet)
            return await stream.fail(stream.makeChunk())
        }
        await clock.sleeperArrived()
        clock.advance(by: fleet.configuration.patience - .milliseconds(1))
        await clock.sleeperArrived()
        clock.advance(by: .milliseconds(1))
        #expect(
            try await running.value?.message
                == "no inference server is ready to run it (127.0.0.1:1: not reached yet)"
        )
        fleet.close()
    }

    /// A chunk for which there is no endpoint waits for one.
    @Test func aChunkWaitsForAnEndpoint() async throws {
        try await FleetStage.with { stage in
            stage.double.change { $0.isServerReady = false }
            try await stage.fleet.check()
            let running = Task {
                var stream = try TestStream(seed: 12, on: stage.fleet)
                for _ in 0..<3 { try await stream.run() }
            }
            await stage.clock.sleeperArrived()
            stage.clock.advance(by: stage.fleet.configuration.patience - .seconds(1))
            stage.double.change { $0.isServerReady = true }
            try await stage.fleet.check()
            try await running.value
            #expect(stage.double.inferences.count == 3)
        }
    }

    // MARK: Cancellation

    @Test func aCancelledStreamCancelsItsChunk() async throws {
        try await FleetStage.with { stage in
            let (fleet, double) = (stage.fleet, stage.double)
            double.answer(.never)
            let running = Task {
                var stream = try TestStream(seed: 10, on: fleet)
                return await stream.fail(stream.makeChunk())
            }
            await double.inferences.reached(1)
            running.cancel()
            let error = try await running.value
            #expect(error?.kind == .cancelled)
            await double.cancellations.reached(1)
            #expect(double.inferences.count == 1)
            #expect(fleet.readiness.isReady, "it is not the endpoint's fault")
        }
    }

    @Test func aClosedFleetRunsNothing() async throws {
        try await FleetStage.with { stage in
            let (fleet, double) = (stage.fleet, stage.double)
            double.answer(.never)
            let running = Task {
                var stream = try TestStream(seed: 11, on: fleet)
                return await stream.fail(stream.makeChunk())
            }
            await double.inferences.reached(1)
            fleet.close()
            let error = try await running.value
            #expect(error == FleetError(.unavailable, "the fleet was closed"))
            let stream = try TestStream(seed: 12, on: fleet)
            #expect(
                await stream.fail([Float](repeating: 1, count: TinyEncoder.featureCount)) == error
            )
        }
    }
}
