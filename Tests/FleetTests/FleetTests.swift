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
                        var stream = TestStream(seed: UInt64(seed), on: stage.fleet)
                        for _ in 0..<20 { try await stream.run(on: stage.fleet) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(stage.doubles.map(\.inferences.count).reduce(0, +) == 400)
        }
    }

    @Test func aStreamBeginsWithZeros() async throws {
        try await FleetStage.with { stage in
            var stream = TestStream(seed: 1, on: stage.fleet)
            try await stream.run(on: stage.fleet)
            let request = try #require(stage.double.lastRequest)
            #expect(request.rawInputContents.map(\.count) == [80, 56, 8])
            #expect(request.rawInputContents[1...].allSatisfy { $0.allSatisfy { $0 == 0 } })
            #expect(stream.state.byteCount == 64)
        }
    }

    @Test func readyEndpointsTakeTurns() async throws {
        try await FleetStage.with(3) { stage in
            var stream = TestStream(seed: 1, on: stage.fleet)
            for _ in 0..<12 { try await stream.run(on: stage.fleet) }
            #expect(stage.doubles.map(\.inferences.count) == [4, 4, 4])
            // What one of three would have taken is shared by the others.
            stage.doubles[1].change { $0.isServerReady = false }
            try await stage.fleet.check()
            for _ in 0..<12 { try await stream.run(on: stage.fleet) }
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
        /// Whether the endpoint is left until a probe finds it well.
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

    /// A chunk that fails leaves its stream where it was, and can be run again.
    @Test(arguments: faults)
    func aFailedChunkCanBeRunAgain(_ fault: Fault) async throws {
        try await FleetStage.with(
            1,
            { $0.inferTimeout = fault.inferTimeout }
        ) { stage in
            let (fleet, double) = (stage.fleet, stage.double)
            var stream = TestStream(seed: 5, on: fleet)
            try await stream.run(on: fleet)
            double.answer(fault.answer)
            let chunk = stream.makeChunk()
            let error = await stream.fail(chunk, on: fleet)
            #expect(error?.kind == fault.kind)
            #expect(error?.message.contains(fault.message) == true, "\(error as Any)")
            #expect(fleet.readiness.isReady == !fault.leaves)
            #expect(fleet.complaints.isEmpty == !fault.leaves)

            double.answer(.right)
            try await fleet.check()
            #expect(fleet.readiness.isReady)
            try await stream.run(chunk, on: fleet)
            try await stream.run(on: fleet)
        }
    }

    /// A chunk whose endpoint fails is run by another as if nothing had happened; answers that do
    /// not fit are no failure of an endpoint's but of the model's.
    @Test(arguments: faults.filter { $0.kind != .incompatible })
    func anotherEndpointTakesOver(_ fault: Fault) async throws {
        try await FleetStage.with(
            2,
            { $0.inferTimeout = fault.inferTimeout }
        ) { stage in
            stage.doubles[0].answer(fault.answer)
            var stream = TestStream(seed: 6, on: stage.fleet)
            for _ in 0..<6 { try await stream.run(on: stage.fleet) }
            #expect(stage.doubles[1].inferences.count == 6)
            // One that is left is not asked again; one that only refuses is, each time in its turn.
            let asked = stage.doubles[0].inferences.count
            #expect(fault.leaves ? asked == 1 : asked > 1, "\(asked)")
            #expect(stage.fleet.readiness.isReady)
            #expect(
                stage.fleet.complaints.hasPrefix(fault.leaves ? stage.doubles[0].address : "")
            )
        }
    }

    /// A server that is stopped ends its calls as CANCELLED, which is not the stream's doing.
    @Test func aChunkSurvivesAServerThatIsStopped() async throws {
        try await FleetStage.with(2) { stage in
            for double in stage.doubles { double.answer(.never) }
            var stream = TestStream(seed: 7, on: stage.fleet)
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
            try await stream.run(on: stage.fleet)
            await closing.value
            #expect(stage.doubles.map(\.inferences.count) == [1, 1])
        }
    }

    @Test func aChunkIsTriedAtMostTwice() async throws {
        try await FleetStage.with(4) { stage in
            for double in stage.doubles { double.answer(.failure(.internal, "no")) }
            var stream = TestStream(seed: 8, on: stage.fleet)
            let error = await stream.fail(stream.makeChunk(), on: stage.fleet)
            #expect(error?.kind == .backendFailure)
            let asked = stage.doubles.map(\.inferences.count)
            #expect(Fleet.maximumAttempts == 2)
            #expect(asked.reduce(0, +) == 2)
            #expect(asked.max() == 1, "no endpoint is asked twice for one chunk")
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
            var stream = TestStream(seed: 9, on: stage.fleet)
            let error = await stream.fail(stream.makeChunk(), on: stage.fleet)
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
        let fleet = try Fleet(
            model: try TinyModel().bundle.description.encoder,
            addresses: [FleetStage.deadAddress],
            configuration: .init(),
            clock: ManualClock(),
            logger: silentLogger
        )
        var stream = TestStream(seed: 9, on: fleet)
        let error = await stream.fail(stream.makeChunk(), on: fleet)
        #expect(
            error?.message
                == "no inference server is ready to run it (127.0.0.1:1: not reached yet)"
        )
        fleet.close()
    }

    // MARK: Cancellation

    @Test func aCancelledStreamCancelsItsChunk() async throws {
        try await FleetStage.with { stage in
            let (fleet, double) = (stage.fleet, stage.double)
            double.answer(.never)
            let running = Task {
                var stream = TestStream(seed: 10, on: fleet)
                return await stream.fail(stream.makeChunk(), on: fleet)
            }
            await double.inferences.reached(1)
            running.cancel()
            #expect(await running.value?.kind == .cancelled)
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
                var stream = TestStream(seed: 11, on: fleet)
                return await stream.fail(stream.makeChunk(), on: fleet)
            }
            await double.inferences.reached(1)
            fleet.close()
            #expect(await running.value != nil)
        }
    }
}
