internal import GRPCTransport
internal import ModelBundle
internal import SwiftProtobuf
internal import Wire

/// A `ModelInferResponse` put together as a rope: nothing of its tensors is copied.
struct InferenceAnswer {
    private var head: Inference_ModelInferResponse
    private var contents: [MessageBytes] = []

    private static let rawOutputContentsField: UInt8 = 6

    init(to request: InferenceRequest) {
        head = .with {
            $0.modelName = request.head.modelName
            $0.modelVersion = StubEncoderServer.modelVersion
            $0.id = request.head.id
        }
    }

    mutating func append(_ output: TensorDescription, rows: Int, _ content: MessageBytes) {
        precondition(content.count == rows * output.byteCountPerStream, "an output of its size")
        head.outputs.append(
            .with {
                $0.name = output.name
                $0.datatype = output.datatype.rawValue
                $0.shape = output.shape(rows: rows)
            }
        )
        contents.append(content)
    }

    func messageBytes() throws -> MessageBytes {
        var bytes: [UInt8] = try head.serializedBytes()
        var message = MessageBytes()
        for content in contents {
            bytes.append(Self.rawOutputContentsField << 3 | 2)
            var length = UInt64(content.count)
            while length >= 0x80 {
                bytes.append(UInt8(length & 0x7f) | 0x80)
                length >>= 7
            }
            bytes.append(UInt8(length))
            message.append(MessageBytes(bytes))
            message.append(content)
            bytes.removeAll(keepingCapacity: true)
        }
        message.append(MessageBytes(bytes))
        return message
    }
}
