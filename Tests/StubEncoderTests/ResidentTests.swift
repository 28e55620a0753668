internal import GRPCTransport
internal import StubEncoder
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

struct ResidentTests {
    private func refusal(
        _ body: () async throws -> Inference_ModelInferResponse
    ) async -> RPCError? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? RPCError
        }
    }

    @Test
    func sequencesGetWhatWasRecordedAndStatesOnlyWhenNamed() async throws {
        let stage = try StubStage()
        let stub = try stage.serve()
        for chunk in 0..<5 {
            for stream in 0..<3 {
                let answer = try await stub.resident(
                    Int64(stream + 1) << 60,
                    stage.streams[stream][chunk],
                    start: chunk == 0,
                    end: chunk == 4,
                    snapshot: chunk == 2,
                    id: "s/1/\(chunk)"
                )
                #expect(answer.frames == [stage.outputs[stream][chunk]])
                #expect(answer.id == "s/1/\(chunk)" && answer.modelName == StubStage.resident)
                let names = ["encoder_out", "new_cache", "new_lens"]
                #expect(answer.outputs.map(\.name) == (chunk == 2 ? names : [names[0]]))
            }
        }
        await stub.close()
        let counts = stub.server.counts
        #expect(counts.sequences.opened == 3 && counts.sequences.ended == 3)
        #expect(counts.openSequences == 0 && counts.rows == 15 && counts.unknownChains == 0)
    }

    @Test
    func aSnapshotIsRestoredUnderAnotherSequence() async throws {
        let stage = try StubStage()
        let stub = try stage.serve()
        let (stream, outputs) = (stage.streams[0], stage.outputs[0])
        _ = try await stub.resident(1, stream[0], start: true)
        let snapshot = try await stub.resident(1, stream[1], snapshot: true).states
        let restored = try await stub.resident(2, stream[2], start: true, states: snapshot)
        #expect(restored.frames == [outputs[2]])
        #expect(try await stub.resident(2, stream[3]).frames == [outputs[3]])
        // The state is the same as the carried model's.
        #expect(try await stub.carried([stream[2]], snapshot).frames == [outputs[2]])
        await stub.close()
        #expect(stub.server.counts.openSequences == 2)
    }

    @Test
    func whatTritonRefusesIsRefusedInItsWords() async throws {
        let stage = try StubStage()
        let stub = try stage.serve { $0.maximumSequences = 1 }
        let chunk = stage.streams[0][0]
        let unknown = await refusal { try await stub.resident(77, chunk, id: "a/b/3") }
        #expect(unknown?.code == .invalidArgument)
        #expect(
            unknown?.message
                == """
                [request id: a/b/3] inference request for sequence 77 to model \
                'tiny-encoder-resident' must specify the START flag on the first request of the \
                sequence
                """
        )
        let anonymous = await refusal { try await stub.resident(0, chunk, start: true) }
        #expect(anonymous?.code == .invalidArgument)
        #expect(anonymous?.message.contains("non-zero or non-empty correlation ID") == true)
        let empty = await refusal { try await stub.resident(1, nil, start: true) }
        #expect(empty?.code == .invalidArgument)
        _ = try await stub.resident(1, chunk, start: true, snapshot: true)
        let states = try await stub.resident(1, chunk, snapshot: true).states
        let late = await refusal { try await stub.resident(1, chunk, states: states) }
        #expect(late?.code == .invalidArgument)
        let twice = await refusal { try await stub.resident(1, chunk, start: true) }
        #expect(twice?.code == .alreadyExists)
        let full = await refusal { try await stub.resident(2, chunk, start: true) }
        #expect(full?.code == .unavailable)
        let ended = try await stub.resident(1, nil, end: true)
        #expect(ended.outputs.isEmpty && ended.rawOutputContents.isEmpty)
        #expect(await refusal { try await stub.resident(1, chunk) } != nil)
        await stub.close()
        #expect(stub.server.counts.refused == 7)
    }

    @Test
    func idleSequencesAreReaped() async throws {
        let stage = try StubStage()
        let clock = ManualClock()
        let stub = try stage.serve(clock: clock) { $0.maximumSequenceIdle = .seconds(5) }
        let stream = stage.streams[0]
        _ = try await stub.resident(1, stream[0], start: true)
        clock.advance(by: .seconds(5))
        #expect(try await stub.resident(1, stream[1]).frames == [stage.outputs[0][1]])
        clock.advance(by: .seconds(6))
        let reaped = await refusal { try await stub.resident(1, stream[2]) }
        #expect(reaped?.message.contains("must specify the START flag") == true)
        await stub.close()
        #expect(stub.server.counts.sequences.reaped == 1)
    }

    @Test
    func aFailedChunkLeavesItsSequenceAsItWas() async throws {
        let stage = try StubStage()
        let stub = try stage.serve {
            $0.schedule.errorRate = 0.5
            $0.seed = 11
        }
        var failures = 0
        for (chunk, output) in zip(stage.streams[0], stage.outputs[0]) {
            var isStart = chunk == stage.streams[0][0]
            while true {
                do {
                    let answer = try await stub.resident(5, chunk, start: isStart)
                    #expect(answer.frames == [output])
                    isStart = false
                    break
                } catch {
                    failures += 1
                }
            }
        }
        await stub.close()
        #expect(failures > 0 && failures == stub.server.counts.drawnErrors)
    }
}
