/// The stateless prediction network of icefall and k2: an embedding of the last tokens, a grouped
/// convolution over them without bias, ReLU, and a projection to the joiner's dimension.
///
/// Ghodsi et al., "RNN-Transducer with stateless prediction network" (2020); the layout is that of
/// icefall's `decoder.py`, with the joiner's decoder projection taken in.
///
/// The convolution is linear and sees only embeddings, so what each token contributes from each
/// position is computed once, here; a context then costs `contextSize` additions a channel and one
/// row of the projection. Batch-invariant: an output row depends on its context alone.
public struct PredictionNetwork: Sendable {
    public let vocabularySize: Int
    /// Tokens in a context.
    public let contextSize: Int
    /// Channels of the embedding.
    public let embeddingDimension: Int
    /// Elements of an output row, the joiner's input.
    public let joinerDimension: Int

    /// `[contextSize, vocabularySize, embeddingDimension]`
    private let contributions: Contributions
    let projection: LinearLayer

    private final class Contributions: Sendable {
        let values: AlignedBuffer
        init(_ values: consuming AlignedBuffer) { self.values = values }
    }

    /// - Parameters:
    ///   - embedding: `[vocabularySize, embeddingDimension]`
    ///   - convolution: `[embeddingDimension, embeddingDimension / groups, contextSize]`, as
    ///     PyTorch lays out a grouped convolution; the number of groups follows from its size.
    ///   - projectionWeight: `[joinerDimension, embeddingDimension]`
    ///   - projectionBias: `[joinerDimension]`
    ///   - contextSize: 1 to `TokenContext.maximumCount`.
    /// - Throws: `KernelError` naming the tensor as `decoder.safetensors` does.
    public init(
        embedding: [Float],
        convolution: [Float],
        projectionWeight: [Float],
        projectionBias: [Float],
        vocabularySize: Int,
        contextSize: Int,
        embeddingDimension: Int
    ) throws(KernelError) {
        guard vocabularySize > 0, vocabularySize <= Int(Int32.max), embeddingDimension > 0 else {
            throw .shape(
                tensor: "decoder.embedding.weight",
                problem: "a dimension is zero or negative"
            )
        }
        guard (1...TokenContext.maximumCount).contains(contextSize) else {
            throw .shape(
                tensor: "decoder.conv.weight",
                problem: "a context of \(contextSize) tokens; "
                    + "1 to \(TokenContext.maximumCount) are supported"
            )
        }
        let (elements, overflow) = vocabularySize.multipliedReportingOverflow(
            by: embeddingDimension
        )
        guard !overflow else {
            throw .shape(tensor: "decoder.embedding.weight", problem: "the dimensions overflow")
        }
        try KernelError.check(embedding, tensor: "decoder.embedding.weight", expected: elements)
        let groupChannels = convolution.count / contextSize / embeddingDimension
        guard groupChannels > 0, embeddingDimension % groupChannels == 0 else {
            throw .shape(
                tensor: "decoder.conv.weight",
                problem: "\(convolution.count) elements are no grouped convolution of "
                    + "\(embeddingDimension) channels over \(contextSize) tokens"
            )
        }
        try KernelError.check(
            convolution,
            tensor: "decoder.conv.weight",
            expected: embeddingDimension * groupChannels * contextSize
        )

        self.vocabularySize = vocabularySize
        self.contextSize = contextSize
        self.embeddingDimension = embeddingDimension
        joinerDimension = projectionBias.count
        projection = try LinearLayer(
            weight: projectionWeight,
            bias: projectionBias,
            inputCount: embeddingDimension,
            outputCount: projectionBias.count,
            name: "decoder.projection"
        )

        var table = AlignedBuffer(count: contextSize * elements)
        for position in 0..<contextSize {
            for token in 0..<vocabularySize {
                let row =
                    table.mutablePointer
                    + (position * vocabularySize + token) * embeddingDimension
                for channel in 0..<embeddingDimension {
                    let firstInput =
                        token * embeddingDimension + channel / groupChannels * groupChannels
                    var sum = 0.0
                    for input in 0..<groupChannels {
                        let weight =
                            convolution[(channel * groupChannels + input) * contextSize + position]
                        sum += Double(weight) * Double(embedding[firstInput + input])
                    }
                    row[channel] = Float(sum)
                }
            }
        }
        contributions = Contributions(table)
    }

    /// Whether the context has this network's size and holds only -1 and ids of its vocabulary.
    public func accepts(_ context: TokenContext) -> Bool {
        context.count == contextSize
            && (0..<contextSize).allSatisfy {
                (TokenContext.startID..<Int32(vocabularySize)).contains(context[$0])
            }
    }

    /// The projection's input row, `[embeddingDimension]`, for a context this network accepts.
    func activate(_ context: TokenContext, into row: UnsafeMutablePointer<Float>) {
        for channel in 0..<embeddingDimension { row[channel] = 0 }
        for position in 0..<contextSize where context[position] != TokenContext.startID {
            let contribution =
                contributions.values.pointer
                + (position * vocabularySize + Int(context[position])) * embeddingDimension
            for channel in 0..<embeddingDimension { row[channel] += contribution[channel] }
        }
        for channel in 0..<embeddingDimension { row[channel] = max(row[channel], 0) }
    }
}
