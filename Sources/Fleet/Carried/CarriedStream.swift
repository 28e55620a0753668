internal import GRPCTransport
internal import ModelBundle

/// A stream whose state travels with each of its chunks, so that any endpoint can take any chunk, and
/// chunks of many streams share a request.
final class CarriedStream: EncoderStream {
    private let batcher: Batcher
    private let codec: InferenceCodec
    /// What the stream's last chunk left behind.
    private(set) var state: CarriedState

    init(_ batcher: Batcher, _ codec: InferenceCodec, state: CarriedState) {
        self.batcher = batcher
        self.codec = codec
        self.state = state
    }

    func encode(_ features: [Float]) async throws(FleetError) -> EncoderOutput {
        let row = try await batcher.run([codec.contents(ofChunk: features)] + state.contents)
        // Each stream's own task takes its part out of the answer: the work is spread over them.
        var outputs = codec.row(row.index, of: row.count, in: row.outputs)
        let output = EncoderOutput(outputs.removeFirst(), dimension: codec.frameDimension)
        state = CarriedState(outputs)
        return output
    }

    func end() {}
}
