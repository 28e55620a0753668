internal import GRPCTransport
internal import MessageCoding
internal import ModelBundle
internal import SwiftProtobuf
internal import Wire

/// A `ModelInferRequest` whose tensors' contents lie where they arrived.
struct InferenceRequest {
    /// Everything but the contents.
    let head: Inference_ModelInferRequest
    /// `raw_input_contents`
    private let contents: [MessageBytes]

    private static let rawInputContentsField = 7
    /// A message in more slices is joined first: each tensor is looked for among all of them.
    private static let maximumSlicesInPlace = 256

    /// - Throws: `INVALID_ARGUMENT` when the bytes are not such a message.
    init(_ received: MessageBytes) throws(RPCError) {
        let message =
            received.sliceCount <= Self.maximumSlicesInPlace
            ? received : MessageBytes(count: received.count, filledBy: received.copyBytes(to:))
        var head = MessageBytes()
        var contents: [MessageBytes] = []
        var fields = ProtobufFieldReader(message)
        do {
            // What lies between two contents belongs to the head.
            var (fieldStart, headStart) = (0, 0)
            while let field = try fields.next() {
                if field.number == Self.rawInputContentsField, case .bytes(let range) = field.value
                {
                    head.append(message[headStart..<fieldStart])
                    contents.append(message[range])
                    headStart = fields.offset
                }
                fieldStart = fields.offset
            }
            head.append(message[headStart..<message.count])
            self.head = try Inference_ModelInferRequest(parsing: head)
        } catch {
            throw RPCError(.invalidArgument, "the request is not a ModelInferRequest: \(error)")
        }
        self.contents = contents
        guard contents.count == self.head.inputs.count else {
            throw RPCError(
                .invalidArgument,
                """
                expected tensor contents of \(self.head.inputs.count) inputs but got \
                \(contents.count) for model '\(self.head.modelName)'
                """
            )
        }
    }

    /// Put before what is wrong, as Triton does.
    private var prefix: String {
        "[request id: \(head.id.isEmpty ? "<id_unknown>" : head.id)] "
    }

    /// An error about this request.
    func error(_ code: RPCError.Code, _ problem: String) -> RPCError {
        RPCError(code, prefix + problem)
    }

    /// The contents by input, in the bundle's order, nil where an input is not there; and the rows.
    /// - Throws: `INVALID_ARGUMENT` when an input is none of the model's, comes twice, or is not of
    ///   its type, shape or size.
    func tensors(
        _ inputs: [TensorDescription],
        maximumBatch: Int
    ) throws(RPCError) -> (contents: [MessageBytes?], rows: Int) {
        var found = [MessageBytes?](repeating: nil, count: inputs.count)
        var rows: Int?
        for (place, (input, content)) in zip(head.inputs, contents).enumerated() {
            let isInPlace = place < inputs.count && inputs[place].name == input.name
            guard
                let index = isInPlace ? place : inputs.firstIndex(where: { $0.name == input.name }),
                found[index] == nil
            else {
                throw problem("unexpected inference input '\(input.name)'")
            }
            let description = inputs[index]
            guard input.datatype == description.datatype.rawValue else {
                throw problem(
                    """
                    unexpected datatype \(input.datatype) of input '\(input.name)', expecting \
                    \(description.datatype.rawValue)
                    """
                )
            }
            let axis = description.batchAxis
            let batch = axis < input.shape.count ? Int(input.shape[axis]) : 0
            guard batch > 0, batch <= maximumBatch else {
                throw problem("inference request batch-size must be <= \(maximumBatch)")
            }
            guard input.shape == description.shape(rows: batch), rows ?? batch == batch else {
                throw problem(
                    """
                    unexpected shape for input '\(input.name)': expecting \
                    \(description.shape(rows: rows ?? -1)), got \(input.shape)
                    """
                )
            }
            guard content.count == batch * description.byteCountPerStream else {
                throw problem(
                    """
                    input byte size mismatch for input '\(input.name)': expecting \
                    \(batch * description.byteCountPerStream), got \(content.count)
                    """
                )
            }
            rows = batch
            found[index] = content
        }
        return (found, rows ?? 1)
    }

    /// The indices of the outputs that are wanted: those that are named, or all.
    /// - Throws: `INVALID_ARGUMENT` when one is none of the model's.
    func wanted(of outputs: [TensorDescription]) throws(RPCError) -> [Int] {
        if head.outputs.isEmpty { return Array(outputs.indices) }
        var indices: [Int] = []
        for output in head.outputs {
            guard let index = outputs.firstIndex(where: { $0.name == output.name }) else {
                throw problem("unexpected inference output '\(output.name)'")
            }
            if !indices.contains(index) { indices.append(index) }
        }
        return indices
    }

    func problem(_ text: String) -> RPCError {
        error(.invalidArgument, "\(text) for model '\(head.modelName)'")
    }
}
