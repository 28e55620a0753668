internal import Fleet
internal import GRPCTransport
internal import MessageCoding
internal import Recognition
internal import Service
internal import SwiftProtobuf
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

/// Bad input has its status, and disturbs nobody.
@Suite(.timeLimit(.minutes(1))) struct RefusedStreamTests {
    @Test(arguments: RefusedStream.all)
    func isRefusedAndDisturbsNobody(_ refused: RefusedStream) async throws {
        try await ServerStage.with {
            // Only the limit that is meant is within reach, however far the clock has to run.
            $0.limits.maximumStreamDuration = .seconds(1 << 40)
            $0.limits.lastResultTimeout = .seconds(1 << 40)
            if !refused.messages.isEmpty { $0.limits.firstMessageTimeout = .seconds(1 << 40) }
            refused.limits(&$0.limits)
            $0.transport.maximumReceivedMessageBytes = RefusedStream.maximumMessageBytes
        } _: { stage in
            // A good stream is half-way when the other comes, and goes on after it. Where the clock
            // has to move, time would run out for it as well; it is over by then.
            let speech = TinyModel.audio(sampleCount: 16_000, seed: 51)
            let good = try await stage.openStream(speech[..<20_000])
            func finishGood() async throws {
                try await good.send(try ServerStage.audio(speech[20_000...]))
                try await good.finishSending()
                let results = try await ServerStage.results(of: good)
                #expect(try stage.isFinal(results.last, of: speech))
            }
            if case .silence = refused.ending { try await finishGood() }
            try await check(refused, on: stage)
            if case .halfClose = refused.ending { try await finishGood() }
            let next = try await stage.recognize(speech)
            #expect(try stage.isFinal(next.last, of: speech))
        }
    }

    private func check(_ refused: RefusedStream, on stage: ServerStage) async throws {
        let call = stage.recognize()
        let chunksBefore = stage.doubles[0].inferences.count
        do {
            for message in refused.messages { try await call.send(message) }
            if case .halfClose = refused.ending { try await call.finishSending() }
        } catch {
            // The server may end the call while more is being sent; the status says why.
        }
        let ended = Tally()
        async let outcome = outcome(of: call, ended)
        if case .silence = refused.ending {
            // Silence begins when the server has heard everything; after that, however its tasks
            // get along, the time that it waits for does come.
            let chunks = TinyModel.chunkCount(ofSamples: (refused.recognized?.count ?? 0) / 2)
            await stage.doubles[0].inferences.reached(chunksBefore + chunks)
            while ended.count == 0, !Task.isCancelled {
                stage.clock.advance(by: .seconds(1))
                await Task.yield()
            }
        }
        let (results, status) = await outcome
        let error = try #require(status)
        #expect(error.code == refused.code)
        #expect(error.message == refused.message)
        let details = try error.unpackedDetails()
        #expect(details.errorInfo?.reason == refused.reason?.description)
        #expect(details.errorInfo?.domain == (refused.reason == nil ? nil : "martlet"))
        #expect(
            details.errorInfo?.metadata
                == (refused.reason == nil ? nil : ["origin": refused.origin.rawValue])
        )
        #expect(details.badRequest?.fieldViolations.map(\.field) == refused.field.map { [$0] })
        #expect(details.retryInfo == nil, "no use in trying again")
        #expect(results.count == (refused.recognized == nil ? 0 : 1))
        if let recognized = refused.recognized {
            #expect(try stage.isFinal(results.last, of: recognized))
        }
    }

    private func outcome(
        of call: Call,
        _ ended: Tally
    ) async -> ([Martlet_V1_RecognitionResult], RPCError?) {
        defer { ended.add() }
        var results: [Martlet_V1_RecognitionResult] = []
        do {
            while let message = try await call.next() {
                results += try Martlet_V1_RecognizeResponse(parsing: message).results
            }
            return (results, nil)
        } catch {
            return (results, error as? RPCError)
        }
    }

    @Test func withoutAnEndpointTheModelIsNamed() async throws {
        try await ServerStage.with { stage in
            let double = stage.doubles[1]
            double.change { $0.isServerReady = false }
            try await stage.models[1].fleet.check()
            // For a moment, a stream waits for one.
            stage.fleetClock.advance(by: stage.models[1].fleet.configuration.grace)
            let call = stage.recognize()
            try await call.send(try ServerStage.config { $0.model = "other" })
            let (results, status) = await outcome(of: call, Tally())
            let error = try #require(status)
            #expect(results.isEmpty)
            #expect(error.code == .unavailable)
            #expect(
                error.message == """
                    model "other" cannot be run: no inference server is ready \
                    (\(double.address): the server is not ready)
                    """
            )
            let details = try error.unpackedDetails()
            #expect(details.errorInfo?.reason == "MODEL_UNAVAILABLE")
            #expect(details.errorInfo?.metadata == ["origin": "backend"])
            #expect(details.retryInfo?.retryDelay.seconds == 1)

            let speech = TinyModel.audio(sampleCount: 8_000, seed: 52)
            let results2 = try await stage.recognize(speech)
            #expect(try stage.isFinal(results2.last, of: speech), "the other model goes on")
        }
    }

    /// What a model's failures look like to a client that has audio under way.
    @Test(arguments: [
        (
            TritonDouble.Answer.failure(.unavailable, "gone"), RPCError.Code.unavailable,
            "MODEL_UNAVAILABLE"
        ),
        (.failure(.internal, "no memory"), .internal, "MODEL_FAILED"),
        (.bytes([0xff]), .internal, "MODEL_FAILED"),
    ])
    func aModelThatFailsEndsTheStream(
        _ answer: TritonDouble.Answer,
        _ code: RPCError.Code,
        _ reason: String
    ) async throws {
        try await ServerStage.with { stage in
            let speech = TinyModel.audio(sampleCount: 16_000, seed: 53)
            let call = try await stage.openStream(speech[..<8_000])
            stage.doubles[0].answer(answer)
            try await call.send(try ServerStage.audio(speech[8_000...]))
            var status: RPCError?
            await stage.withoutPatience { (_, status) = await outcome(of: call, Tally()) }
            let error = try #require(status)
            #expect(error.code == code)
            #expect(error.message.hasPrefix(#"model "tiny" cannot be run: "#))
            let details = try error.unpackedDetails()
            #expect(details.errorInfo?.reason == reason)
            #expect(details.errorInfo?.metadata == ["origin": "backend"])
            #expect((details.retryInfo != nil) == (code == .unavailable))
        }
    }
}
