/// The memory of one batch of joiner rows. Grows by doubling up to the scorer's maximum and never
/// shrinks, so that batches of the usual size allocate nothing.
struct TransducerWorkspace: ~Copyable {
    static let initialRowCapacity = 64

    private(set) var rowCapacity = 0
    /// `[rows, joinerDimension]`: encoder frames, then the joiner's input.
    var joinerInput = AlignedBuffer(count: 0)
    /// `[rows, vocabularySize]`
    var logits = AlignedBuffer(count: 0)
    /// `[misses, embeddingDimension]`
    var projectionInput = AlignedBuffer(count: 0)
    /// `[misses, joinerDimension]`
    var predictions = AlignedBuffer(count: 0)
    var scratch: AlignedBuffer

    private let predictionNetwork: PredictionNetwork
    private let joiner: Joiner

    init(predictionNetwork: PredictionNetwork, joiner: Joiner) {
        self.predictionNetwork = predictionNetwork
        self.joiner = joiner
        scratch = AlignedBuffer(
            count: max(predictionNetwork.projection.scratchCount, joiner.output.scratchCount)
        )
    }

    /// Makes room for `rowCount` rows, keeping the joiner's inputs that are already there. There
    /// can be no more misses than rows.
    mutating func reserve(rowCount: Int, maximum: Int) {
        guard rowCount > rowCapacity else { return }
        let kept = rowCapacity * joiner.dimension
        rowCapacity = min(max(rowCount, 2 * rowCapacity, Self.initialRowCapacity), maximum)
        joinerInput.grow(
            to: joiner.output.inputRowCapacity(for: rowCapacity) * joiner.dimension,
            keeping: kept
        )
        logits.grow(to: rowCapacity * joiner.vocabularySize, keeping: 0)
        let projection = predictionNetwork.projection
        projectionInput.grow(
            to: projection.inputRowCapacity(for: rowCapacity) * projection.inputCount,
            keeping: 0
        )
        predictions.grow(to: rowCapacity * projection.outputCount, keeping: 0)
    }
}
