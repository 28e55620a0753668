internal import ModelBundle

extension EncoderDescription {
    /// Every tensor of a request: the features, then the states.
    var inputs: [TensorDescription] { [features] + states.map(\.input) }

    /// Every tensor of an answer: the encoder's frames, then the new states.
    var outputs: [TensorDescription] { [output] + states.map(\.output) }
}

extension TensorDescription {
    /// The shape of so many streams' tensor.
    func shape(of rows: Int) -> [Int64] { shape.map { Int64($0 ?? rows) } }

    /// The shape as Triton's metadata states it, with -1 for the batch.
    var servedShape: [Int64] { shape.map { $0.map(Int64.init) ?? -1 } }
}
