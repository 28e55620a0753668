internal import Decoding
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

/// What a server offers besides refusals: results, models, health, an orderly end.
@Suite(.timeLimit(.minutes(1))) struct SpeechServerTests {
    private typealias Health = Grpc_Health_V1_HealthCheckResponse
    private let speech = TinyModel.audio(sampleCount: 16_000, seed: 70)

    // MARK: Recognize

    @Test func resultsHoldWhatWasAskedFor() async throws {
        try await ServerStage.with { stage in
            let bare = try await stage.recognize(speech) { $0.enableTokenDetails = false }
            #expect(bare.count == 1)
            let alternative = try #require(bare.first?.alternatives.first)
            #expect(alternative.words.isEmpty)
            #expect(alternative.tokens.isEmpty)
            let expected = try stage.tiny.transcript(of: speech)
            #expect(alternative.transcript == expected.text)
            #expect(alternative.confidence == expected.confidence)

            let full = try await stage.recognize(speech) {
                $0.model = "other"
                $0.languageCode = "en-US"
                $0.interimResults = true
                $0.enableWordTimeOffsets = true
                $0.enableWordConfidence = true
            }
            #expect(full.count > 2)
            #expect(full.dropLast().allSatisfy { !$0.isFinal })
            #expect(try stage.isFinal(full.last, of: speech))
            let words = try #require(full.last?.alternatives.first?.words)
            #expect(words.map(\.word) == expected.words.map(\.text))
            #expect(words.map(\.confidence) == expected.words.map(\.confidence))
            #expect(
                words.map { Duration($0.startTime) } == expected.words.map(\.startTime)
            )
            #expect(words.map { Duration($0.endTime) } == expected.words.map(\.endTime))
            #expect(full.last.map { Duration($0.resultEndTime) } == .seconds(1))
            #expect(full.last.map { Duration($0.audioProcessed) } == .seconds(1))
            #expect(full.first.map { Duration($0.audioProcessed) } == .microseconds(57_500))
            #expect(full.first.map { Duration($0.resultEndTime) } == .milliseconds(40))
            #expect(stage.doubles[1].inferences.count > 0)
        }
    }

    /// Messages of any size, longer than a piece of the session's included.
    @Test(arguments: [1_001, 32_000, 200_000])
    func theSizeOfMessagesDoesNotMatter(_ messageBytes: Int) async throws {
        try await ServerStage.with { stage in
            let long = TinyModel.audio(sampleCount: 160_000, seed: 71)
            let results = try await stage.recognize(long, messageBytes: messageBytes)
            #expect(try stage.isFinal(results.last, of: long))
        }
    }

    @Test func anUpdateChangesNothing() async throws {
        try await ServerStage.with { stage in
            let call = try await stage.openStream(speech[..<8_000])
            try await call.send(MessageBytes([0x1a, 0]))
            try await call.send(try ServerStage.audio(speech[8_000...]))
            try await call.finishSending()
            let results = try await ServerStage.results(of: call)
            #expect(try stage.isFinal(results.last, of: speech))
        }
    }

    // MARK: Models

    @Test func modelsAreListedWithTheirState() async throws {
        try await ServerStage.with { stage in
            stage.doubles[1].change { $0.isModelReady = false }
            try await stage.models[1].fleet.check()
            let answer = try await stage.channel.unary(
                "/martlet.v1.Recognizer/ListModels",
                MessageBytes(),
                timeout: ServerStage.callTimeout
            )
            let models = try Martlet_V1_ListModelsResponse(parsing: answer).models
            #expect(models.map(\.name) == ["tiny", "other"], "the default first")
            #expect(models.map(\.ready) == [true, false])
            let model = try #require(models.first)
            #expect(model.description_p == "made by formula")
            #expect(model.languageCodes == ["en", "pt-BR"])
            #expect(model.sampleRateHertz == 16_000)
            #expect(model.encodings == [.linear16])
            #expect(Duration(model.chunkDuration) == .milliseconds(40))
        }
    }

    /// No call can be opened and then left alone for ever.
    @Test(arguments: [
        "/martlet.v1.Recognizer/ListModels", "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ])
    func aCallThatSendsNothingEnds(_ method: String) async throws {
        try await ServerStage.with { stage in
            let call = stage.channel.call(
                method,
                metadata: [:],
                timeout: ServerStage.callTimeout
            )
            let moving = Task {
                while !Task.isCancelled {
                    stage.clock.advance(by: .seconds(1))
                    await Task.yield()
                }
            }
            await #expect {
                while try await call.next() != nil {}
            } throws: { error in
                let error = error as? RPCError
                return error?.code == .deadlineExceeded
                    && error?.message.contains("first_message_timeout") == true
            }
            moving.cancel()
        }
    }

    /// What a client sent comes back to it, but not so much of it that the status cannot travel.
    @Test func aLongNameIsNotRepeatedWhole() async throws {
        try await ServerStage.with { stage in
            let name = String(repeating: "n", count: 100_000)
            let call = stage.recognize()
            try await call.send(try ServerStage.config { $0.model = name })
            await #expect {
                while try await call.next() != nil {}
            } throws: { error in
                let error = error as? RPCError
                return error?.code == .notFound && error?.message.count ?? 0 < 200
            }
        }
    }

    @Test func aUnaryCallWithoutARequestIsRefused() async throws {
        try await ServerStage.with { stage in
            for (body, part) in [
                (nil, "without a request"),
                (MessageBytes([0xff]), "not a grpc.health.v1.HealthCheckRequest"),
            ] {
                let call = stage.channel.call(
                    "/grpc.health.v1.Health/Check",
                    metadata: [:],
                    timeout: ServerStage.callTimeout
                )
                if let body { try await call.send(body) }
                try await call.finishSending()
                await #expect {
                    while try await call.next() != nil {}
                } throws: { error in
                    let error = error as? RPCError
                    return error?.code == .invalidArgument
                        && error?.message.contains(part) == true
                }
            }
        }
    }

    // MARK: Health

    private func check(_ name: String, on stage: ServerStage) async throws -> Health.ServingStatus {
        let request = Grpc_Health_V1_HealthCheckRequest.with { $0.service = name }
        let answer = try await stage.channel.unary(
            "/grpc.health.v1.Health/Check",
            try request.messageBytes(),
            timeout: ServerStage.callTimeout
        )
        return try Health(parsing: answer).status
    }

    private func watch(_ name: String, on stage: ServerStage) async throws -> Call {
        let call = stage.channel.call(
            "/grpc.health.v1.Health/Watch",
            metadata: [:],
            timeout: ServerStage.callTimeout
        )
        let request = Grpc_Health_V1_HealthCheckRequest.with { $0.service = name }
        try await call.send(try request.messageBytes())
        try await call.finishSending()
        return call
    }

    private func status(_ call: Call) async throws -> Health.ServingStatus? {
        try await call.next().map { try Health(parsing: $0).status }
    }

    /// Reads until a status comes; before the server's tasks run, the first may be another.
    private func until(_ wanted: Health.ServingStatus, _ call: Call) async throws {
        while let status = try await status(call) {
            if status == wanted { return }
        }
        Issue.record("the watch ended")
    }

    @Test func aWatchTellsEachChange() async throws {
        try await ServerStage.with { stage in
            let tiny = try await watch("tiny", on: stage)
            let other = try await watch("other", on: stage)
            let whole = try await watch("", on: stage)
            let service = try await watch("martlet.v1.Recognizer", on: stage)
            for call in [tiny, other, whole, service] { try await until(.serving, call) }
            #expect(try await check("tiny", on: stage) == .serving)

            // One model goes; the server as a whole still serves.
            stage.doubles[0].change { $0.isServerReady = false }
            try await stage.models[0].fleet.check()
            #expect(try await status(tiny) == .notServing)
            #expect(try await check("tiny", on: stage) == .notServing)
            #expect(try await check("other", on: stage) == .serving)
            #expect(try await check("", on: stage) == .serving)

            // The other goes because a chunk fails there.
            stage.doubles[1].answer(.failure(.unavailable, "gone"))
            await stage.withoutPatience {
                await #expect(throws: RPCError.self) {
                    try await stage.recognize(speech) { $0.model = "other" }
                }
            }
            #expect(try await status(other) == .notServing)
            #expect(try await status(whole) == .notServing)
            #expect(try await status(service) == .notServing)
            #expect(try await check("martlet.v1.Recognizer", on: stage) == .notServing)

            stage.doubles[0].change { $0.isServerReady = true }
            try await stage.models[0].fleet.check()
            #expect(try await status(tiny) == .serving)
            #expect(try await status(whole) == .serving)
        }
    }

    @Test func aNameThatIsNotKnownIsSaidToBe() async throws {
        try await ServerStage.with { stage in
            let unknown = try await watch("whisper", on: stage)
            #expect(try await status(unknown) == .serviceUnknown)
            await #expect {
                try await check("whisper", on: stage)
            } throws: { error in
                let error = error as? RPCError
                return error?.code == .notFound
                    && error?.message.hasPrefix(#"unknown service or model "whisper" (known: "#)
                        == true
                    && error?.message.contains("tiny") == true
            }
            async let stopping: Void = stage.server.shutdown(gracePeriod: .seconds(20))
            await expectEnd(of: unknown)
            await stopping
        }
    }

    private func expectEnd(of watch: Call) async {
        await #expect {
            while try await watch.next() != nil {}
        } throws: { error in
            error as? RPCError == RPCError(.unavailable, "the server is shutting down")
        }
    }

    // MARK: The end

    /// While it shuts down, nothing is serving, watches end, new streams are refused and those that
    /// are open end as they would have.
    @Test func streamsEndInOrderWhenTheServerDoes() async throws {
        try await ServerStage.with { stage in
            let call = try await stage.openStream(speech[..<8_000])
            let tiny = try await watch("tiny", on: stage)
            try await until(.serving, tiny)
            async let stopping: Void = stage.server.shutdown(gracePeriod: .seconds(20))
            #expect(try await status(tiny) == .notServing)
            await expectEnd(of: tiny)

            try await call.send(try ServerStage.audio(speech[8_000...]))
            try await call.finishSending()
            let results = try await ServerStage.results(of: call)
            #expect(try stage.isFinal(results.last, of: speech))
            await stopping
            await #expect {
                try await stage.recognize(speech)
            } throws: { ($0 as? RPCError)?.code == .unavailable }
        }
    }

    @Test func afterTheGraceStreamsAreCancelled() async throws {
        try await ServerStage.with { stage in
            let call = try await stage.openStream(speech[..<8_000])
            async let stopping: Void = stage.server.shutdown(gracePeriod: .zero)
            await #expect {
                while try await call.next() != nil {}
            } throws: { ($0 as? RPCError)?.code == .cancelled }
            await stopping
        }
    }
}

extension Duration {
    fileprivate init(_ duration: Google_Protobuf_Duration) {
        self = .seconds(duration.seconds) + .nanoseconds(Int64(duration.nanos))
    }
}
