internal import GRPCTransport
internal import MessageCoding
internal import StubEncoder
internal import SwiftProtobuf
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

struct StubEncoderTests {
    @Test
    func saysWhatItServes() async throws {
        let stub = try StubStage().serve { $0.policies = [.carried] }
        let ready: Inference_ServerReadyResponse = try await stub.call(
            "ServerReady",
            Inference_ServerReadyRequest()
        )
        #expect(ready.ready)
        for (name, isServed) in [(StubStage.carried, true), (StubStage.resident, false)] {
            let ready: Inference_ModelReadyResponse = try await stub.call(
                "ModelReady",
                Inference_ModelReadyRequest.with { $0.name = name }
            )
            #expect(ready.ready == isServed)
        }
        let metadata: Inference_ModelMetadataResponse = try await stub.call(
            "ModelMetadata",
            Inference_ModelMetadataRequest.with { $0.name = StubStage.carried }
        )
        #expect(metadata.inputs == TinyEncoder.metadata.inputs)
        #expect(metadata.outputs == TinyEncoder.metadata.outputs)
        let config: Inference_ModelConfigResponse = try await stub.call(
            "ModelConfig",
            Inference_ModelConfigRequest.with { $0.name = StubStage.carried }
        )
        #expect(config.config.name == StubStage.carried && config.config.maxBatchSize == 8)
        await #expect(throws: RPCError.self) {
            let _: Inference_ModelConfigResponse = try await stub.call(
                "ModelConfig",
                Inference_ModelConfigRequest.with { $0.name = StubStage.resident }
            )
        }
        await stub.close()
    }

    @Test
    func weightsAreToldAndMustBeThoseOfTheRecording() async throws {
        let weights = "sha256:" + String(repeating: "5e", count: 32)
        let stage = try StubStage(weights: weights)
        let stub = try stage.serve()
        for model in [StubStage.carried, StubStage.resident] {
            let answer: Inference_ModelConfigResponse = try await stub.call(
                "ModelConfig",
                Inference_ModelConfigRequest.with { $0.name = model }
            )
            #expect(answer.config.parameters["weights"]?.stringValue == weights)
        }
        await stub.close()
        try stage.recording(weights: weights).check(against: stage.encoder)
        #expect(throws: StubEncoderError.self) {
            try stage.recording(weights: "sha256:other").check(against: stage.encoder)
        }
    }

    @Test
    func carriedStreamsInOneBatchGetWhatWasRecorded() async throws {
        let stage = try StubStage()
        let stub = try stage.serve()
        var states: [MessageBytes]?
        for chunk in 0..<5 {
            let answer = try await stub.carried(stage.streams.map { $0[chunk] }, states)
            #expect(answer.frames == stage.outputs.map { $0[chunk] })
            #expect(answer.outputs.map(\.name) == ["encoder_out", "new_cache", "new_lens"])
            #expect(answer.outputs.map(\.shape) == [[3, 2, 3], [2, 3, 7], [3]])
            states = answer.states
        }
        await stub.close()
        let counts = stub.server.counts
        #expect(counts.requests == 5 && counts.rows == 15 && counts.meanBatch == 3)
        #expect(counts.unknownChains == 0 && counts.brokenStates == 0)
    }

    @Test
    func aStateThatIsLostOrAnothersGivesSilence() async throws {
        let stage = try StubStage()
        let stub = try stage.serve()
        let (one, other) = (stage.streams[0], stage.streams[1])
        let first = try await stub.carried([one[0], other[0]])
        func row(_ index: Int, of tensor: Int) -> MessageBytes {
            // [2, 2, 7] and [2]: the batch is the second axis of the first.
            let bytes = [UInt8](first.states[tensor])
            if tensor == 1 { return MessageBytes(Array(bytes[8 * index..<8 * index + 8])) }
            let parts = [28 * index, 56 + 28 * index]
            return MessageBytes(parts.flatMap { bytes[$0..<$0 + 28] })
        }
        let right = [row(0, of: 0), row(0, of: 1)]
        #expect(try await stub.carried([one[1]], right).frames == [stage.outputs[0][1]])
        // Reset, swapped, of two streams, and with an end of zeros.
        let zeros = MessageBytes([UInt8](repeating: 0, count: 56))
        let cut = MessageBytes([UInt8](right[0][0..<48]) + [UInt8](repeating: 0, count: 8))
        let wrong: [[MessageBytes]?] = [
            nil, [row(1, of: 0), row(1, of: 1)], [row(0, of: 0), row(1, of: 1)],
            [zeros, right[1]], [cut, right[1]],
        ]
        for states in wrong {
            #expect(try await stub.carried([one[1]], states).frames == [StubStage.fallback])
        }
        // And the stream does not find back by itself.
        let lost = try await stub.carried([one[1]], wrong[2])
        #expect(try await stub.carried([one[2]], lost.states).frames == [StubStage.fallback])
        await stub.close()
        #expect(stub.server.counts.unknownChains == 7)
        #expect(stub.server.counts.brokenStates == 4)
    }

    @Test
    func aMalformedRequestIsRefusedAlone() async throws {
        let stage = try StubStage()
        let stub = try stage.serve()
        let x = MessageBytes(elements: stage.streams[0][0])
        let states = [56, 8].map { MessageBytes([UInt8](repeating: 0, count: $0)) }
        let good = ServedStub.request(StubStage.carried, [x] + states, rows: 1)
        let spoilt: [(inout Inference_ModelInferRequest) -> Void] = [
            { $0.inputs[0].name = "y" }, { $0.inputs[1].datatype = "FP64" },
            { $0.inputs[0].shape = [1, 4, 5] }, { $0.inputs[0].shape = [] },
            { $0.inputs[0].shape[0] = -1 }, { $0.inputs[0].shape[0] = .max },
            { $0.inputs[1].shape = [2, 2, 7] }, { $0.rawInputContents[2].append(0) },
            { $0.rawInputContents.removeLast() }, { $0.inputs[2] = $0.inputs[1] },
            {
                $0.inputs.removeLast()
                $0.rawInputContents.removeLast()
            },
            { $0.outputs = [.with { $0.name = "logits" }] },
        ]
        for (index, spoil) in spoilt.enumerated() {
            var request = good
            spoil(&request)
            do {
                _ = try await stub.infer(request)
                Issue.record("request \(index) was answered")
            } catch let error as RPCError {
                #expect(error.code == .invalidArgument, "request \(index): \(error)")
            }
        }
        var random = SplitMix64.announced()
        let bytes = [UInt8](try good.messageBytes())
        for _ in 0..<300 {
            var damaged = bytes
            for _ in 0..<3 {
                damaged[Int.random(in: 0..<80, using: &random)] = .random(
                    in: 0...255,
                    using: &random
                )
            }
            _ = try? await stub.bytes("ModelInfer", MessageBytes(damaged))
        }
        #expect(try await stub.infer(good).frames == [stage.outputs[0][0]])
        await stub.close()
        #expect(stub.server.counts.refused >= spoilt.count)
    }

    @Test
    func chanceMakesRequestsFail() async throws {
        let stage = try StubStage()
        let stub = try stage.serve { $0.schedule.errorRate = 0.5 }
        var failures = 0
        for _ in 0..<40 {
            do {
                let answer = try await stub.carried([stage.streams[0][0]])
                #expect(answer.frames == [stage.outputs[0][0]])
            } catch let error as RPCError {
                #expect(error.code == .internal)
                failures += 1
            }
        }
        await stub.close()
        #expect((5...35).contains(failures) && stub.server.counts.drawnErrors == failures)
    }

    @Test
    func requestsTakeTheirTimeAndEndBeforeTheServerDoes() async throws {
        let stage = try StubStage()
        let clock = ManualClock()
        let stub = try stage.serve(clock: clock) {
            $0.schedule.delay = .milliseconds(20)
            $0.schedule.concurrency = 1
        }
        let chunk = stage.streams[0][0]
        let answered = Tally()
        async let requests: Void = withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    _ = try await stub.carried([chunk])
                    answered.add()
                }
            }
            try await group.waitForAll()
        }
        await clock.sleepersArrived(2)
        async let shutdown: Void = stub.server.shutdown(gracePeriod: .seconds(60))
        clock.advance(by: .milliseconds(20))
        await answered.reached(1)
        #expect(answered.count == 1)
        clock.advance(by: .milliseconds(20))
        try await requests
        await shutdown
        #expect(stub.server.counts.requests == 2)
        await stub.close()
    }

    @Test
    func aServerThatIsStoppingSaysSo() async throws {
        let stage = try StubStage()
        let clock = ManualClock()
        let stub = try stage.serve(clock: clock) { $0.schedule.delay = .milliseconds(20) }
        let chunk = stage.streams[0][0]
        async let request = stub.carried([chunk])
        await clock.sleeperArrived()
        async let shutdown: Void = stub.server.shutdown(gracePeriod: .seconds(60))
        var isReady = true
        while isReady {
            let answer: Inference_ServerReadyResponse = try await stub.call(
                "ServerReady",
                Inference_ServerReadyRequest()
            )
            isReady = answer.ready
        }
        do {
            _ = try await stub.carried([chunk])
            Issue.record("a chunk was taken")
        } catch let error as RPCError {
            #expect(error.code == .unavailable && error.message.contains("Server is stopping"))
        }
        clock.advance(by: .milliseconds(20))
        #expect(try await request.frames == [stage.outputs[0][0]])
        await shutdown
        await stub.close()
    }
}
