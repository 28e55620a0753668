/// The additive joiner of a transducer: `logits = W tanh(encoder + prediction) + b`.
///
/// Both inputs are projected to the joiner's dimension already: the encoder's by the exported
/// encoder, the prediction's by `PredictionNetwork`. Batch-invariant: a row of logits depends on
/// its own encoder frame and prediction alone.
public struct Joiner: Sendable {
    /// Elements of an encoder frame and of a prediction.
    public let dimension: Int
    /// Logits a row.
    public let vocabularySize: Int

    let output: LinearLayer

    /// - Parameters:
    ///   - weight: `[vocabularySize, dimension]`
    ///   - bias: `[vocabularySize]`
    /// - Throws: `KernelError` naming the tensor as `decoder.safetensors` does.
    public init(weight: [Float], bias: [Float], dimension: Int) throws(KernelError) {
        output = try LinearLayer(
            weight: weight,
            bias: bias,
            inputCount: dimension,
            outputCount: bias.count,
            name: "joiner.output"
        )
        self.dimension = dimension
        vocabularySize = bias.count
    }
}
