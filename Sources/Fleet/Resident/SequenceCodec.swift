package import GRPCTransport
private import Glibc
internal import MessageCoding
package import ModelBundle
internal import SwiftProtobuf
internal import Wire

/// Writes requests and reads answers of `ModelInfer` for a model that keeps streams' states, as
/// sequences of Triton's sequence batcher.
///
/// A request is a rope: what is the same each time, serialised once; its id and its sequence; the
/// chunk, and the state where one is restored. No tensor is copied.
package struct SequenceCodec: Sendable {
    private let model: EncoderDescription
    /// A request for the output alone, and one for the states too, up to what varies.
    private let head: MessageBytes
    private let stateHead: MessageBytes
    /// The states as further inputs.
    private let restoredInputs: MessageBytes
    /// A request without tensors, up to what varies.
    private let endHead: MessageBytes
    /// Tag and length before each input's contents, in the inputs' order.
    private let contentHeads: [MessageBytes]
    private let startParameter: MessageBytes
    private let endParameter: MessageBytes
    /// Reads answers with the output alone, and those with the states too.
    private let outputCodec: InferenceCodec
    private let stateCodec: InferenceCodec

    private static let versionField = 2
    private static let idField = 3
    private static let parametersField = 4
    private static let rawInputContentsField = 7

    /// - Throws: never in practice; serialising a message without required fields cannot fail.
    package init(_ model: EncoderDescription) throws {
        self.model = model
        let outputOnly = EncoderDescription(
            tritonModel: model.tritonModel,
            version: model.version,
            statePolicy: .carried,
            chunkFrames: model.chunkFrames,
            chunkShiftFrames: model.chunkShiftFrames,
            outputFrames: model.outputFrames,
            outputFrameDuration: model.outputFrameDuration,
            features: model.features,
            output: model.output,
            states: []
        )
        outputCodec = try InferenceCodec(outputOnly)
        stateCodec = try InferenceCodec(model)
        head = try Self.head(model, inputs: outputOnly.inputs, outputs: outputOnly.outputs)
        stateHead = try Self.head(model, inputs: outputOnly.inputs, outputs: model.outputs)
        endHead = try Self.head(model, inputs: [], outputs: [])
        // Fields of one message may be put together from parts.
        restoredInputs = try Inference_ModelInferRequest.with {
            $0.inputs = Self.inputs(model.states.map(\.input))
        }.messageBytes()
        contentHeads = model.inputs.map {
            MessageBytes(Self.head(ofField: Self.rawInputContentsField, $0.byteCountPerStream))
        }
        startParameter = try Self.parameter("sequence_start")
        endParameter = try Self.parameter("sequence_end")
    }

    private static func head(
        _ model: EncoderDescription,
        inputs: [TensorDescription],
        outputs: [TensorDescription]
    ) throws -> MessageBytes {
        try Inference_ModelInferRequest.with {
            $0.modelName = model.tritonModel
            $0.modelVersion = model.version
            $0.inputs = Self.inputs(inputs)
            $0.outputs = outputs.map { output in .with { $0.name = output.name } }
        }.messageBytes()
    }

    private static func inputs(
        _ tensors: [TensorDescription]
    ) -> [Inference_ModelInferRequest.InferInputTensor] {
        tensors.map { tensor in
            .with {
                $0.name = tensor.name
                $0.datatype = tensor.datatype.rawValue
                $0.shape = tensor.shape(of: 1)
            }
        }
    }

    private static func parameter(_ name: String) throws -> MessageBytes {
        try Inference_ModelInferRequest.with {
            $0.parameters = [name: .with { $0.boolParam = true }]
        }.messageBytes()
    }

    // MARK: Requests

    /// Floats in an encoder frame.
    package var frameDimension: Int { outputCodec.frameDimension }

    /// Bytes of the largest answer's tensors.
    package var answerByteCount: Int { stateCodec.maximumAnswerByteCount }

    /// The contents of the features' tensor. Frames that the chunk shares with the one before are
    /// taken from that one and not copied.
    ///
    /// - Parameters:
    ///   - features: `[1, chunk frames, bins]`, row-major.
    ///   - previous: the contents of the chunk before.
    /// - Returns: the contents, and how many of their bytes were copied.
    package func contents(
        ofChunk features: [Float],
        after previous: MessageBytes?
    ) -> (contents: MessageBytes, copiedByteCount: Int) {
        features.withUnsafeBytes { bytes in
            precondition(
                bytes.count == model.features.byteCountPerStream,
                "a chunk has a fixed size"
            )
            let shift = bytes.count / model.chunkFrames * model.chunkShiftFrames
            let sharedCount = bytes.count - shift
            if let previous, sharedCount > 0 {
                var contents = previous[shift..<bytes.count]
                let isShared = contents.withContiguousBytes { shared in
                    guard let left = shared.baseAddress, let right = bytes.baseAddress else {
                        return false
                    }
                    return memcmp(left, right, sharedCount) == 0
                }
                if isShared {
                    contents.append(
                        MessageBytes(
                            copying: UnsafeRawBufferPointer(rebasing: bytes[sharedCount...])
                        )
                    )
                    return (contents, shift)
                }
            }
            return (MessageBytes(copying: bytes), bytes.count)
        }
    }

    package func message(_ request: Placement.Request) -> MessageBytes {
        message(
            request.chunk,
            sequenceID: request.sequence.id,
            id: request.id,
            starts: request.starts,
            restored: request.restored,
            wantsState: request.wantsState
        )
    }

    /// A chunk of zeros that is run and leaves nothing behind.
    /// - Parameter sequenceID: never used before.
    package func probe(sequenceID: UInt64) -> MessageBytes {
        var message = message(
            outputCodec.zeroChunk,
            sequenceID: sequenceID,
            id: "probe",
            starts: true,
            restored: nil,
            wantsState: false
        )
        message.append(endParameter)
        return message
    }

    /// Frees a sequence.
    package func end(sequenceID: UInt64) -> MessageBytes {
        var message = endHead
        message.append(Self.variable(sequenceID: sequenceID, id: "end"))
        message.append(endParameter)
        return message
    }

    private func message(
        _ chunk: MessageBytes,
        sequenceID: UInt64,
        id: String,
        starts: Bool,
        restored: [MessageBytes]?,
        wantsState: Bool
    ) -> MessageBytes {
        var message = wantsState ? stateHead : head
        message.append(Self.variable(sequenceID: sequenceID, id: id))
        if starts { message.append(startParameter) }
        if restored != nil { message.append(restoredInputs) }
        message.append(contentHeads[0])
        message.append(chunk)
        for (contentHead, content) in zip(contentHeads.dropFirst(), restored ?? []) {
            message.append(contentHead)
            message.append(content)
        }
        return message
    }

    /// The fields `id` and `parameters["sequence_id"]`.
    private static func variable(sequenceID: UInt64, id: String) -> MessageBytes {
        // InferParameter.int64_param is field 2; a map's entry has its key as field 1 and its value
        // as field 2.
        let number = [UInt8(2 << 3)] + varint(sequenceID)
        var entry = sequenceKey
        entry += head(ofField: 2, number.count)
        entry += number
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64)
        bytes += head(ofField: idField, id.utf8.count)
        bytes += id.utf8
        bytes += head(ofField: parametersField, entry.count)
        bytes += entry
        return MessageBytes(bytes)
    }

    private static let sequenceKey: [UInt8] = head(ofField: 1, 11) + Array("sequence_id".utf8)

    /// Tag and length of a field of bytes.
    private static func head(ofField number: Int, _ byteCount: Int) -> [UInt8] {
        [UInt8(number << 3 | 2)] + varint(UInt64(byteCount))
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
        return bytes
    }

    // MARK: Answers

    /// Reads the answer to a request.
    ///
    /// - Parameter wantsState: whether the request asked for the state, as ``Placement/Request``
    ///   says. The state is copied: kept for long, it must not hold on to the buffers in which it
    ///   came, which other streams' answers share.
    /// - Returns: whose answer it is, and the output's contents.
    /// - Throws: ``FleetError`` of kind `incompatible` when the answer is not what the model's
    ///   description promises.
    package func read(
        _ message: MessageBytes,
        wantsState: Bool
    ) throws(FleetError) -> (answer: Placement.Answer, output: MessageBytes) {
        var outputs = try (wantsState ? stateCodec : outputCodec).outputs(of: message)
        let output = outputs.removeFirst()
        var answer = Placement.Answer(id: "", modelVersion: "")
        var fields = ProtobufFieldReader(message)
        // The message was walked to its end just now, and is a message.
        while let field = try? fields.next() {
            guard case .bytes(let range) = field.value else { continue }
            switch field.number {
            case Self.versionField: answer.modelVersion = Self.string(message[range])
            case Self.idField: answer.id = Self.string(message[range])
            default: break
            }
        }
        if wantsState { answer.state = outputs.map(Self.ownCopy) }
        return (answer, output)
    }

    private static func string(_ bytes: MessageBytes) -> String {
        bytes.withContiguousBytes { String(decoding: $0, as: UTF8.self) }
    }

    private static func ownCopy(_ bytes: MessageBytes) -> MessageBytes {
        MessageBytes(count: bytes.count) { bytes.copyBytes(to: $0) }
    }

    /// Whether an error says that a sequence is not known there: Triton has given it up for being
    /// idle, or server or model were started again. Nothing is wrong with the endpoint then.
    ///
    /// Triton's own words are "inference request for sequence 7 to model 'm' must specify the START
    /// flag on the first request of the sequence"; the exported model names the sequence too.
    package static func saysUnknown(_ error: RPCError, sequenceID: UInt64) -> Bool {
        switch error.code {
        case .invalidArgument, .notFound: error.message.contains("sequence \(sequenceID) ")
        default: false
        }
    }
}
