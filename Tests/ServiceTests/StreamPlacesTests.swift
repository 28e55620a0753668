internal import GRPCTransport
internal import MessageCoding
internal import Service
internal import SwiftProtobuf
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

/// How many streams there may be, and that each takes up no more than its own place.
@Suite(.timeLimit(.minutes(1))) struct StreamPlacesTests {
    private let speech = TinyModel.audio(sampleCount: 16_000, seed: 60)

    @Test func aStreamBeyondTheMostAllowedIsRefused() async throws {
        try await ServerStage.with {
            $0.limits.maximumStreams = 2
        } _: { stage in
            let first = try await stage.openStream(speech[..<8_000])
            let second = try await stage.openStream(speech[..<8_000])
            let error = await refusal(of: stage.recognize())
            #expect(error.code == .resourceExhausted)
            #expect(
                error.message == """
                    2 streams are open, the most allowed (max_streams); try again later or at \
                    another server
                    """
            )
            let details = try error.unpackedDetails()
            #expect(details.errorInfo?.reason == "TOO_MANY_STREAMS")
            #expect(details.errorInfo?.metadata == ["origin": "proxy"])
            #expect(details.retryInfo?.retryDelay.seconds == 1)

            // Those that are in go on, and one that ends makes room.
            for call in [first, second] {
                try await call.send(try ServerStage.audio(speech[8_000...]))
                try await call.finishSending()
                let results = try await ServerStage.results(of: call)
                #expect(try stage.isFinal(results.last, of: speech))
                let third = try await stage.openStream(speech[..<8_000])
                third.cancel()
                try await untilThereIsRoom(on: stage)
            }
        }
    }

    @Test func aClientThatGoesAwayLeavesItsPlace() async throws {
        try await ServerStage.with {
            $0.limits.maximumStreams = 1
        } _: { stage in
            for _ in 0..<10 {
                let call = try await stage.openStream(speech[..<8_000])
                #expect(await refusal(of: stage.recognize()).code == .resourceExhausted)
                call.cancel()
                try await untilThereIsRoom(on: stage)
            }
        }
    }

    /// Going away while a chunk is being run cancels the chunk, too.
    @Test func aClientThatGoesAwayCancelsItsChunk() async throws {
        try await ServerStage.with {
            $0.limits.maximumStreams = 1
        } _: { stage in
            let double = stage.doubles[0]
            double.answer(.never)
            let call = stage.recognize()
            try await call.send(try ServerStage.config())
            try await call.send(try ServerStage.audio(speech))
            await double.inferences.reached(1)
            call.cancel()
            await double.cancellations.reached(1)
            double.answer(.right)
            try await untilThereIsRoom(on: stage)
        }
    }

    /// A client that takes no results stops its own stream and no other, and has lost nothing when
    /// it reads at last.
    @Test func aClientThatDoesNotReadStopsItsOwnStreamAlone() async throws {
        try await ServerStage.with { stage in
            // Each result holds all tokens so far, so that together they are some tens of MB.
            let long = TinyModel.audio(sampleCount: 16_000 * 40, seed: 61)
            let messageBytes = 3_200
            let deaf = stage.recognize()
            let sent = Tally()
            let sending = Task {
                try await deaf.send(try ServerStage.config { $0.interimResults = true })
                for start in stride(from: 0, to: long.count, by: messageBytes) {
                    let end = min(start + messageBytes, long.count)
                    try await deaf.send(try ServerStage.audio(long[start..<end]))
                    sent.add()
                }
                try await deaf.finishSending()
            }
            // Without a clock: until nothing has moved while others did a whole stream's work.
            var before = -1
            while sent.count != before || sent.count == 0, !Task.isCancelled {
                before = sent.count
                for _ in 0..<3 {
                    let results = try await stage.recognize(speech)
                    #expect(try stage.isFinal(results.last, of: speech))
                }
            }
            #expect(sent.count < long.count / messageBytes, "the stream does not stand still")

            var last: MessageBytes?
            while let message = try await deaf.next() { last = message }
            try await sending.value
            let response = try Martlet_V1_RecognizeResponse(parsing: try #require(last))
            #expect(try stage.isFinal(response.results.last, of: long))
        }
    }

    /// Nor can such a client hold its place for longer than a stream may last.
    @Test func aClientThatDoesNotReadLosesItsPlaceInTheEnd() async throws {
        try await ServerStage.with {
            $0.limits.maximumStreams = 1
            $0.limits.maximumStreamDuration = .seconds(100)
            $0.limits.lastResultTimeout = .seconds(10)
        } _: { stage in
            // Without a deadline of its own, which would free its place as well.
            let deaf = stage.channel.call("/martlet.v1.Recognizer/Recognize")
            let sending = Task {
                try await deaf.send(try ServerStage.config { $0.interimResults = true })
                let long = TinyModel.audio(sampleCount: 16_000 * 40, seed: 62)
                for start in stride(from: 0, to: long.count, by: 3_200) {
                    try await deaf.send(try ServerStage.audio(long[start..<start + 3_200]))
                }
            }
            // Once it has its place: until nothing has moved while the server did so much else.
            await stage.doubles[0].inferences.reached(1)
            var before = -1
            while stage.doubles[0].inferences.count != before || before == 0, !Task.isCancelled {
                before = stage.doubles[0].inferences.count
                for _ in 0..<300 { await expectRefusal(on: stage) }
            }
            // The server's tasks get to the clock in their own time.
            let moving = Task {
                while !Task.isCancelled {
                    stage.clock.advance(by: .seconds(1))
                    await Task.yield()
                }
            }
            var error = await refusal(of: stage.recognize())
            while error.code == .resourceExhausted, !Task.isCancelled {
                error = await refusal(of: stage.recognize())
            }
            // The place is free: the next stream is taken in, and ends for having sent nothing.
            #expect(error.code == .deadlineExceeded)
            moving.cancel()
            deaf.cancel()
            _ = await sending.result
        }
    }

    private func expectRefusal(on stage: ServerStage) async {
        #expect(await refusal(of: stage.recognize()).code == .resourceExhausted)
    }

    private func refusal(of call: Call) async -> RPCError {
        do {
            while try await call.next() != nil {}
        } catch {
            return error
        }
        Issue.record("the stream was not refused")
        return RPCError(.ok, "")
    }

    /// The server hears of a cancellation in its own time.
    private func untilThereIsRoom(on stage: ServerStage) async throws {
        while !Task.isCancelled {
            do {
                let results = try await stage.recognize(speech)
                #expect(try stage.isFinal(results.last, of: speech))
                return
            } catch let error as RPCError where error.code == .resourceExhausted {}
        }
    }
}
