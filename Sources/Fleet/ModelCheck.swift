package import ModelBundle
package import Wire

/// Compares the model that Triton serves with the one that the bundle describes.
package enum ModelCheck {
    /// What differs first, in one line, or nil when every tensor is there with the right type and
    /// shape. Further outputs, and optional inputs, of the served model do not matter.
    package static func mismatch(
        of served: Inference_ModelMetadataResponse,
        with model: EncoderDescription
    ) -> String? {
        mismatch("input", of: served.inputs, with: model.inputs)
            ?? mismatch("output", of: served.outputs, with: model.outputs)
    }

    /// That the served model has other weights than the bundle says, in one line; nil when they are
    /// the same, or one of both does not name them.
    package static func mismatch(
        of served: Inference_ModelConfig,
        with model: EncoderDescription
    ) -> String? {
        guard let expected = model.weights, let found = served.parameters["weights"]?.stringValue,
            found != expected
        else { return nil }
        return "its weights are \"\(found)\", the bundle's \"\(expected)\""
    }

    private static func mismatch(
        _ kind: String,
        of served: [Inference_ModelMetadataResponse.TensorMetadata],
        with expected: [TensorDescription]
    ) -> String? {
        for tensor in expected {
            guard let found = served.first(where: { $0.name == tensor.name }) else {
                let names = served.map(\.name).joined(separator: ", ")
                return "\(kind) \"\(tensor.name)\" is missing (the server's: \(names))"
            }
            guard found.datatype == tensor.datatype.rawValue else {
                return """
                    \(kind) "\(tensor.name)" is of type \(found.datatype), \
                    the bundle says \(tensor.datatype.rawValue)
                    """
            }
            // Triton states -1 for any dimension that may vary; only fixed ones can disagree.
            let agrees =
                found.shape.count == tensor.shape.count
                && zip(found.shape, tensor.servedShape).allSatisfy { $0 == $1 || $0 == -1 }
            guard agrees else {
                return """
                    \(kind) "\(tensor.name)" has shape \(found.shape), \
                    the bundle says \(tensor.servedShape)
                    """
            }
        }
        return nil
    }
}
