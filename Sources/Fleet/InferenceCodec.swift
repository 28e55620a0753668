package import GRPCTransport
internal import MessageCoding
package import ModelBundle
internal import SwiftProtobuf
internal import Wire

/// Writes requests and reads answers of `ModelInfer` for one model, without passing tensors through
/// message objects.
///
/// With names, types and shapes fixed, everything in a request but the tensors' contents is the
/// same each time. It is serialised once for each number of streams; a request is then a rope of those
/// pieces and of the tensors, which are copied only where a batch cuts them into small pieces.
package struct InferenceCodec: Sendable {
    /// What surrounds the contents in a request for a number of streams.
    private struct Frame {
        /// The request up to its first tensor's contents.
        var head: MessageBytes
        /// Tag and length before each input's contents, in the inputs' order.
        var contentHeads: [MessageBytes]
    }

    let model: EncoderDescription
    /// For one stream, for two, and so on.
    private let frames: [Frame]
    /// The answer's outputs by name: its place among ``EncoderDescription/outputs`` and what it must be.
    private let expectedOutputs: [String: (index: Int, description: TensorDescription)]

    private static let rawInputContentsField = 7
    private static let outputsField = 5
    private static let rawOutputContentsField = 6

    /// - Parameter maximumBatch: streams that a request may hold, at least 1.
    /// - Throws: never in practice; serialising a message without required fields cannot fail.
    package init(_ model: EncoderDescription, maximumBatch: Int = 1) throws {
        precondition(maximumBatch > 0, "a request holds at least one stream")
        self.model = model
        frames = try (1...maximumBatch).map { rows in
            Frame(
                head: try Self.head(model, rows: rows),
                contentHeads: model.inputs.map { Self.contentHead($0.byteCountPerStream * rows) }
            )
        }
        expectedOutputs = Dictionary(
            uniqueKeysWithValues: model.outputs.enumerated().map {
                ($1.name, (index: $0, description: $1))
            }
        )
    }

    private static func head(_ model: EncoderDescription, rows: Int) throws -> MessageBytes {
        let request = Inference_ModelInferRequest.with {
            $0.modelName = model.tritonModel
            $0.modelVersion = model.version
            $0.inputs = model.inputs.map { input in
                .with {
                    $0.name = input.name
                    $0.datatype = input.datatype.rawValue
                    $0.shape = input.shape(of: rows)
                }
            }
            $0.outputs = model.outputs.map { output in .with { $0.name = output.name } }
        }
        return MessageBytes(try request.serializedBytes() as [UInt8])
    }

    private static func contentHead(_ byteCount: Int) -> MessageBytes {
        var bytes: [UInt8] = [UInt8(rawInputContentsField << 3 | 2)]
        var length = UInt64(byteCount)
        while length >= 0x80 {
            bytes.append(UInt8(length & 0x7f) | 0x80)
            length >>= 7
        }
        bytes.append(UInt8(length))
        return MessageBytes(bytes)
    }

    /// Streams that a request may hold.
    package var maximumBatch: Int { frames.count }

    /// Floats in an encoder frame.
    package var frameDimension: Int { model.output.dimensionsWithoutBatch.last ?? 0 }

    /// Bytes of the tensors in the largest answer.
    package var maximumAnswerByteCount: Int {
        model.outputs.reduce(0) { $0 + $1.byteCountPerStream } * maximumBatch
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
        request(rows: [contents])
    }

    /// A request for one chunk of each of some streams.
    /// - Parameter rows: each stream's contents, as ``request(_:)`` takes them; at least one stream,
    ///   at most ``maximumBatch``.
    package func request(rows: [[MessageBytes]]) -> MessageBytes {
        let frame = frames[rows.count - 1]
        precondition(
            rows.allSatisfy { $0.count == frame.contentHeads.count },
            "one content an input"
        )
        var message = frame.head
        for (index, input) in model.inputs.enumerated() {
            message.append(frame.contentHeads[index])
            message.append(input.batch(rows.map { $0[index] }))
        }
        return message
    }

    /// The contents of the outputs in the order of ``EncoderDescription/outputs``, cut from the answer
    /// without a copy.
    /// - Parameter rows: streams that the request held.
    /// - Throws: ``FleetError`` of kind `incompatible` when the answer is not what the model's
    ///   description promises.
    package func outputs(
        of answer: MessageBytes,
        rows: Int = 1
    ) throws(FleetError) -> [MessageBytes] {
        var declared: [(index: Int, description: TensorDescription)] = []
        declared.reserveCapacity(expectedOutputs.count)
        var contents: [Range<Int>] = []
        contents.reserveCapacity(expectedOutputs.count)
        var fields = ProtobufFieldReader(answer)
        do {
            while let field = try fields.next() {
                switch (field.number, field.value) {
                case (Self.outputsField, .bytes(let range)):
                    declared.append(try expectation(for: answer[range], rows: rows))
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
            let expected = description.byteCountPerStream * rows
            guard range.count == expected else {
                throw incompatible(
                    """
                    output "\(description.name)" holds \(range.count) bytes, expected \(expected)
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

    /// One stream's part of the contents that ``outputs(of:rows:)`` gives.
    ///
    /// That of a stream among several is copied, into one slice: otherwise a stream that says nothing
    /// for a while would keep the whole answer, and with it the states of all the others.
    package func row(_ index: Int, of rows: Int, in outputs: [MessageBytes]) -> [MessageBytes] {
        guard rows > 1 else { return outputs }
        let sizes = model.outputs.map(\.byteCountPerStream)
        let copy = MessageBytes(count: sizes.reduce(0, +)) { target in
            var start = 0
            for (output, content) in zip(model.outputs, outputs) {
                let end = start + output.byteCountPerStream
                let part = UnsafeMutableRawBufferPointer(rebasing: target[start..<end])
                output.copyRow(index, of: rows, in: content, to: part)
                start = end
            }
        }
        var start = 0
        return sizes.map { size in
            defer { start += size }
            return copy[start..<start + size]
        }
    }

    private func expectation(
        for output: MessageBytes,
        rows: Int
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
        let shape = description.shape(of: rows)
        guard tensor.shape == shape else {
            throw incompatible(
                """
                output "\(tensor.name)" has shape \(tensor.shape), expected \(shape)
                """
            )
        }
        return expected
    }

    private func incompatible(_ problem: String) -> FleetError {
        FleetError(.incompatible, "model \"\(model.tritonModel)\": \(problem)")
    }
}
