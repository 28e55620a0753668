internal import Fleet
internal import GRPCTransport
internal import MessageCoding
internal import ModelBundle
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

@Suite struct SequenceCodecTests {
    private let model: EncoderDescription
    private let codec: SequenceCodec

    init() throws {
        model = try ResidentStage.residentModel
        codec = try SequenceCodec(model)
    }

    private func chunk(_ first: Float = 0) -> [Float] {
        (0..<TinyEncoder.featureCount).map { first + Float($0) }
    }

    /// The requests of a stream with a snapshot after its first chunk, restored elsewhere.
    private func requests() throws -> [Placement.Request] {
        var placement = Placement(stream: 3, snapshotInterval: 2, phase: 1)
        var pool = EndpointPool(.init(), seed: 1)
        let endpoint = pool.setAddresses(["a"], at: .zero).added[0]
        let contents = codec.contents(ofChunk: chunk(), after: nil).contents
        _ = placement.begin(contents)
        let first = placement.place(on: endpoint, sequenceID: UInt64(Int64.max))
        _ = placement.answered(
            .init(id: first.id, modelVersion: "1", state: TinyEncoder().stateContents)
        )
        let begun = placement.begin(contents)
        let second = try #require(begun)
        _ = placement.leave()
        return [first, second, placement.place(on: endpoint, sequenceID: 1)]
    }

    @Test func requestsSayWhatTritonsSequenceBatcherWants() throws {
        let requests = try requests()
        let sent = try requests.map { try Inference_ModelInferRequest(parsing: codec.message($0)) }
        for (request, message) in zip(requests, sent) {
            #expect(message.modelName == "tiny-encoder-resident" && message.modelVersion == "")
            #expect(message.id == request.id)
            #expect(
                message.parameters["sequence_id"]?.parameterChoice
                    == .int64Param(Int64(request.sequence.id))
            )
            #expect(
                message.parameters["sequence_start"]?.boolParam == (request.starts ? true : nil)
            )
            #expect(message.parameters["sequence_end"] == nil)
            #expect(message.inputs[0].name == "x" && message.inputs[0].shape == [1, 5, 4])
            #expect(message.rawInputContents[0].elementsEqual([UInt8](request.chunk)))
        }
        #expect(sent.map(\.id) == ["3/1/0", "3/1/1", "3/2/1"])
        #expect(sent.map { $0.inputs.map(\.name) } == [["x"], ["x"], ["x", "cache", "lens"]])
        #expect(sent.map(\.rawInputContents.count) == [1, 1, 3])
        #expect(sent[2].rawInputContents[1].count == 56 && sent[2].rawInputContents[2].count == 8)
        #expect(
            sent.map { $0.outputs.map(\.name) }
                == [["encoder_out", "new_cache", "new_lens"], ["encoder_out"], ["encoder_out"]]
        )
    }

    @Test(arguments: [1, 127, 128, 16_384, UInt64(Int64.max)])
    func anEndIsARequestWithoutTensors(sequenceID: UInt64) throws {
        let message = try Inference_ModelInferRequest(parsing: codec.end(sequenceID: sequenceID))
        #expect(message.modelName == "tiny-encoder-resident")
        #expect(message.inputs.isEmpty && message.outputs.isEmpty)
        #expect(message.rawInputContents.isEmpty)
        #expect(
            message.parameters["sequence_id"]?.parameterChoice == .int64Param(Int64(sequenceID))
        )
        #expect(message.parameters["sequence_end"]?.boolParam == true)
        #expect(message.parameters.count == 2)
    }

    @Test func aProbeStartsAndEnds() throws {
        let message = try Inference_ModelInferRequest(parsing: codec.probe(sequenceID: 5))
        #expect(message.parameters.count == 3)
        #expect(message.parameters["sequence_start"]?.boolParam == true)
        #expect(message.parameters["sequence_end"]?.boolParam == true)
        #expect(message.outputs.map(\.name) == ["encoder_out"])
        #expect(message.rawInputContents.map { $0.allSatisfy { $0 == 0 } } == [true])
    }

    @Test func aChunkSharesItsBeginningWithTheOneBefore() {
        let first = codec.contents(ofChunk: chunk(), after: nil)
        #expect(first.copiedByteCount == 80 && first.contents.sliceCount == 1)
        let second = codec.contents(ofChunk: chunk(16), after: first.contents)
        #expect(second.copiedByteCount == 64 && second.contents.sliceCount == 2)
        #expect([Float](second.contents) == chunk(16))
        let third = codec.contents(ofChunk: chunk(32), after: second.contents)
        #expect(third.copiedByteCount == 64 && [Float](third.contents) == chunk(32))
        let other = codec.contents(ofChunk: chunk(7), after: third.contents)
        #expect(other.copiedByteCount == 80 && [Float](other.contents) == chunk(7))
    }

    private func response(states: Bool) -> Inference_ModelInferResponse {
        var encoder = TinyEncoder()
        let output = MessageBytes(elements: encoder.encode(chunk()))
        var response = TinyEncoder.response([output] + encoder.stateContents)
        response.id = "3/1/0"
        response.modelVersion = "4"
        if !states {
            response.outputs.removeLast(2)
            response.rawOutputContents.removeLast(2)
        }
        return response
    }

    @Test func answersTellWhoseTheyAre() throws {
        var encoder = TinyEncoder()
        let output = encoder.encode(chunk())
        let plain = try codec.read(try response(states: false).messageBytes(), wantsState: false)
        #expect(plain.answer.id == "3/1/0" && plain.answer.modelVersion == "4")
        #expect(plain.answer.state == nil && [Float](plain.output) == output)
        let whole = try codec.read(try response(states: true).messageBytes(), wantsState: true)
        #expect(whole.answer.id == "3/1/0" && [Float](whole.output) == output)
        #expect(whole.answer.state == encoder.stateContents)
    }

    @Test func anAnswerWithOtherTensorsIsRefused() throws {
        let (plain, whole) = (response(states: false), response(states: true))
        #expect(throws: FleetError.self) {
            try codec.read(try plain.messageBytes(), wantsState: true)
        }
        #expect(throws: FleetError.self) {
            try codec.read(try whole.messageBytes(), wantsState: false)
        }
    }

    @Test func anErrorTellsWhetherASequenceIsUnknown() {
        let triton = """
            [request id: 1/1/3] inference request for sequence 77 to model 'm' must specify the \
            START flag on the first request of the sequence
            """
        func isUnknown(_ code: RPCError.Code, _ text: String, _ id: UInt64 = 77) -> Bool {
            SequenceCodec.saysUnknown(RPCError(code, text), sequenceID: id)
        }
        #expect(isUnknown(.invalidArgument, triton))
        #expect(isUnknown(.notFound, "sequence 77 is not kept here: start another"))
        #expect(!isUnknown(.invalidArgument, triton, 7))
        #expect(!isUnknown(.internal, triton))
        #expect(!isUnknown(.unavailable, "sequence 77 is not kept here"))
        #expect(!isUnknown(.notFound, "Request for unknown model: 'm' has no available versions"))
    }
}
