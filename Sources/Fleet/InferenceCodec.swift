package import GRPCTransport
internal import MessageCoding
package import ModelBundle
internal import SwiftProtobuf
internal import Wire

/// Writes requests and reads answers of `ModelInfer` for one model and one stream a request,
/// without passing tensors through message objects.
///
/// With names, types and shapes fixed, everything in a request but the tensors' contents is the
/// same each time. It is serialised once; a request is then a rope of those pieces and of the
/// tensors, none of which is copied.
package struct InferenceCodec: Sendable {
    private let model: EncoderDescription
    /// The request up to its first tensor's contents.
    private let head: MessageBytes
    /// Tag and length before each input's contents, in the inputs' order.
    private let contentHeads: [MessageBytes]
    /// The answer's outputs by name: its place among ``EncoderDescription/outputs`` and what it must be.
    private let expectedOutputs: [String: (index: Int, description: TensorDescription)]

    private static let rawInputContentsField = 7
    private static let outputsField = 5
    private static let rawOutputContentsField = 6

    /// - Throws: never in practice; serialising a message without required fields cannot fail.
    package init(_ model: EncoderDescription) throws {
        self.model = model
        let request = Inference_ModelInferRequest.with {
            $0.modelName = model.tritonModel
            $0.modelVersion = model.version
            $0.inputs = model.inputs.map { input in
                .with {
                    $0.name = input.name
                    $0.datatype = input.datatype.rawValue
                    $0.shape = input.shapeOfOne
                }
            }
            $0.outputs = model.outputs.map { output in .with { $0.name = output.name } }
        }
        head = MessageBytes(try request.serializedBytes() as [UInt8])
        contentHeads = model.inputs.map { input in
            var bytes: [UInt8] = [UInt8(Self.rawInputContentsField << 3 | 2)]
            var length = UInt64(input.byteCountPerStream)
            while length >= 0x80 {
                bytes.append(UInt8(length & 0x7f) | 0x80)
                length >>= 7
            }
            bytes.append(UInt8(length))
            return MessageBytes(bytes)
        }
        expectedOutputs = Dictionary(
            uniqueKeysWithValues: model.outputs.enumerated().map {
                ($1.name, (index: $0, description: $1))
            }
        )
    }

    /// Floats in an encoder frame.
    package var frameDimension: Int { model.output.dimensionsWithoutBatch.last ?? 0 }

    /// Bytes of an answer's tensors.
    package var answerByteCount: Int {
        model.outputs.reduce(0) { $0 + $1.byteCountPerStream }
    }

    /// A chunk of zeros, as contents of the features' tensor.
    package var zeroChunk: MessageBytes {
        MessageBytes([UInt8](repeating: 0, count: model.features.byteCountPerStream))
    }

    /// The contents of the features' tensor.
    /// - Parameter features: `[1, chunk frames, bins]`, row-major.
    package func contents(ofChunk features: [Float]) -> MessageBytes {
        let contents = features.withUnsafeBytes { MessageBytes(copying: $0) }
        precondition(
            contents.count == model.features.byteCountPerStream,
            "a chunk has a fixed size"
        )
        return contents
    }

    /// A request for one chunk of one stream.
    /// - Parameter contents: each input's elements in the order of ``EncoderDescription/inputs``,
    ///   little-endian, row-major.
    package func request(_ contents: [MessageBytes]) -> MessageBytes {
        precondition(contents.count == contentHeads.count, "one content an input")
        var message = head
        for (contentHead, content) in zip(contentHeads, contents) {
            message.append(contentHead)
            message.append(content)
        }
        return message
    }

    /// The contents of the outputs in the order of ``EncoderDescription/outputs``, cut from the answer
    /// without a copy.
    /// - Throws: ``FleetError`` of kind `incompatible` when the answer is not what the model's
    ///   description promises.
    package func outputs(of answer: MessageBytes) throws(FleetError) -> [MessageBytes] {
        var declared: [(index: Int, description: TensorDescription)] = []
        declared.reserveCapacity(expectedOutputs.count)
        var contents: [Range<Int>] = []
        contents.reserveCapacity(expectedOutputs.count)
        var fields = ProtobufFieldReader(answer)
        do {
            while let field = try fields.next() {
                switch (field.number, field.value) {
                case (Self.outputsField, .bytes(let range)):
                    declared.append(try expectation(for: answer[range]))
                case (Self.rawOutputContentsField, .bytes(let range)):
                    contents.append(range)
                default:
                    break
                }
            }
        } catch let error as FleetError {
            throw error
        } catch {
            throw incompatible("the answer is not a ModelInferResponse: \(error)")
        }
        guard declared.count == contents.count else {
            throw incompatible(
                "the answer declares \(declared.count) outputs and holds \(contents.count)"
            )
        }
        var results = [MessageBytes?](repeating: nil, count: expectedOutputs.count)
        for ((index, description), range) in zip(declared, contents) {
            guard range.count == description.byteCountPerStream else {
                throw incompatible(
                    """
                    output "\(description.name)" holds \(range.count) bytes, \
                    expected \(description.byteCountPerStream)
                    """
                )
            }
            results[index] = answer[range]
        }
        if let missing = results.firstIndex(where: { $0 == nil }) {
            throw incompatible("output \"\(model.outputs[missing].name)\" is missing")
        }
        return results.compactMap { $0 }
    }

    private func expectation(
        for output: MessageBytes
    ) throws -> (index: Int, description: TensorDescription) {
        let tensor = try Inference_ModelInferResponse.InferOutputTensor(parsing: output)
        guard let expected = expectedOutputs[tensor.name] else {
            throw incompatible("output \"\(tensor.name)\" was not asked for")
        }
        let description = expected.description
        guard tensor.datatype == description.datatype.rawValue else {
            throw incompatible(
                """
                output "\(tensor.name)" is of type \(tensor.datatype), \
                expected \(description.datatype.rawValue)
                """
            )
        }
        guard tensor.shape == description.shapeOfOne else {
            throw incompatible(
                """
                output "\(tensor.name)" has shape \(tensor.shape), \
                expected \(description.shapeOfOne)
                """
            )
        }
        return expected
    }

    private func incompatible(_ problem: String) -> FleetError {
        FleetError(.incompatible, "model \"\(model.tritonModel)\": \(problem)")
    }
}
