internal import Fleet
internal import Foundation
internal import GRPCTransport
internal import Recognition
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

/// What a stream says of the fleet's failures, and what it keeps.
@Suite(.timeLimit(.minutes(1))) struct RecognitionFaultTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var answer: TritonDouble.Answer
        var code: RecognitionError.Code
        var retryDelay: Duration?
        /// A part of the message.
        var message: String
        /// Long, so that a busy machine is not taken for a fault; real, since gRPC keeps the time.
        var inferTimeout = Duration.seconds(20)
    }

    static let faults = [
        Fault(
            testDescription: "unavailable",
            answer: .failure(.unavailable, "restarting"),
            code: .modelUnavailable,
            retryDelay: .seconds(1),
            message: "UNAVAILABLE: restarting"
        ),
        Fault(
            testDescription: "too slow",
            answer: .never,
            code: .modelTooSlow,
            retryDelay: .seconds(1),
            message: "took longer than 3.0 seconds",
            inferTimeout: .seconds(3)
        ),
        Fault(
            testDescription: "an error of the model's",
            answer: .failure(.internal, "no memory"),
            code: .modelFailed,
            retryDelay: nil,
            message: "INTERNAL: no memory"
        ),
        Fault(
            testDescription: "a missing state",
            answer: .changed {
                $0.outputs.removeLast()
                $0.rawOutputContents.removeLast()
            },
            code: .modelFailed,
            retryDelay: nil,
            message: #"output "new_lens" is missing"#
        ),
    ]

    /// Every failure has its code, and the stream can go on from the chunk that failed: what it
    /// gives in the end is what it would have given.
    @Test(arguments: faults)
    func aFailureIsToldAndSurvived(_ fault: Fault) async throws {
        try await SessionStage.with(1, inferTimeout: fault.inferTimeout) { stage in
            let audio = TinyModel.audio(sampleCount: 32_000, seed: 20)
            let session = try stage.makeSession()
            var results: [RecognitionResult] = []
            try await session.append(Array(audio[..<20_001])) { results.append($0) }
            let before = results.count

            stage.double.answer(fault.answer)
            await #expect {
                try await stage.withoutPatience {
                    try await session.append(Array(audio[20_001..<40_000])) { results.append($0) }
                }
            } throws: { error in
                let error = error as? RecognitionError
                return error?.code == fault.code && error?.origin == .backend
                    && error?.retryDelay == fault.retryDelay
                    && error?.message.hasPrefix(#"model "tiny" cannot be run: "#) == true
                    && error?.message.contains(fault.message) == true
            }
            #expect(results.count == before)

            stage.double.answer(.right)
            try await stage.model.fleet.check()
            try await session.append(Array(audio[40_000...])) { results.append($0) }
            try await session.finish { results.append($0) }
            #expect(try results == stage.expectedResults(of: audio))
        }
    }

    /// A chunk that fails and is run again leaves no trace in segments and voice activity either.
    @Test func aFailureMovesNoSegment() async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            let audio = Sounds.speechAndSilence(seed: 25)
            func change(_ settings: inout RecognitionSettings) {
                settings.endpointing = SegmentTests.rules
                settings.wantsVoiceActivityEvents = true
                settings.skipsSilence = true
            }
            let expected = try await stage.events(of: [audio[...]], change)
            let session = try stage.makeSession(change)
            var events: [RecognitionEvent] = []
            var failures = 0
            for start in stride(from: 0, to: audio.count, by: 20_000) {
                let end = min(start + 20_000, audio.count)
                stage.double.answer(.failure(.unavailable, "restarting"))
                do {
                    try await stage.withoutPatience {
                        try await session.append(Array(audio[start..<end])) { events.append($0) }
                    }
                } catch let error as RecognitionError where error.code == .modelUnavailable {
                    failures += 1
                }
                stage.double.answer(.right)
                try await stage.model.fleet.check()
                // What is there is recognised with the next audio, of which this is none.
                try await session.append([]) { events.append($0) }
            }
            try await session.finish { events.append($0) }
            #expect(failures > 3)
            #expect(events == expected)
        }
    }

    @Test func anEndpointLostMidStreamIsNotNoticed() async throws {
        try await SessionStage.with(2) { stage in
            let audio = TinyModel.audio(sampleCount: 32_000, seed: 21)
            let session = try stage.makeSession()
            var results: [RecognitionResult] = []
            try await session.append(Array(audio[..<30_000])) { results.append($0) }
            await stage.doubles[0].close()
            try await session.append(Array(audio[30_000...])) { results.append($0) }
            try await session.finish { results.append($0) }
            #expect(try results == stage.expectedResults(of: audio))
        }
    }

    @Test func framesThatAreNoNumbersFailTheirStreamAlone() async throws {
        try await SessionStage.with { stage in
            let audio = TinyModel.audio(sampleCount: 16_000, seed: 22)
            let broken = try stage.makeSession()
            let good = try stage.makeSession()
            var results: [RecognitionResult] = []
            try await good.append(Array(audio[..<10_000])) { results.append($0) }

            let notANumber = Data(
                [UInt8](
                    MessageBytes(elements: [Float](repeating: .nan, count: TinyEncoder.outputCount))
                )
            )
            stage.double.answer(.changed { $0.rawOutputContents[0] = notANumber })
            await #expect {
                try await stage.withoutPatience {
                    try await broken.append(audio) { _ in Issue.record("a result") }
                }
            } throws: { error in
                let error = error as? RecognitionError
                return error?.code == .modelFailed && error?.origin == .backend
            }

            stage.double.answer(.right)
            try await good.append(Array(audio[10_000...])) { results.append($0) }
            try await good.finish { results.append($0) }
            #expect(try results == stage.expectedResults(of: audio))
        }
    }

    @Test func aCancelledStreamEndsAsCancelled() async throws {
        try await SessionStage.with { stage in
            stage.double.answer(.never)
            let running = Task {
                let session = try stage.makeSession()
                let audio = TinyModel.audio(sampleCount: 16_000, seed: 23)
                try await session.append(audio) { _ in Issue.record("a result") }
            }
            await stage.double.inferences.reached(1)
            running.cancel()
            let result = await running.result
            #expect {
                try result.get()
            } throws: { ($0 as? RecognitionError)?.code == .cancelled }
        }
    }

    /// An error of whoever takes the results ends the stream's work.
    @Test func anErrorOfTheReceiverIsPassedOn() async throws {
        struct Refusal: Error {}
        try await SessionStage.with { stage in
            let session = try stage.makeSession()
            var calls = 0
            await #expect(throws: Refusal.self) {
                try await session.append(TinyModel.audio(sampleCount: 32_000, seed: 24)) { _ in
                    calls += 1
                    throw Refusal()
                }
            }
            #expect(calls == 1)
        }
    }

    @Test func withoutAnEndpointNoStreamIsOpened() async throws {
        try await SessionStage.with(checks: false) { stage in
            #expect(
                throws: RecognitionError(
                    .modelUnavailable,
                    """
                    model "tiny" cannot be run: no inference server is ready \
                    (\(stage.double.address): not reached yet)
                    """,
                    origin: .backend,
                    retryDelay: .seconds(1)
                )
            ) { try stage.makeSession() }
            try await stage.model.fleet.check()
            _ = try stage.makeSession()
        }
    }
}
