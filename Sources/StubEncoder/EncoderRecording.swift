public import GRPCTransport
internal import ModelBundle

/// What a real encoder answered to recordings, chunk by chunk, by what the stream had had encoded.
public struct EncoderRecording: Sendable {
    /// The model that was recorded, by its name on Triton.
    public let model: String
    /// Its weights, as its bundle names them; may be empty.
    public let weights: String
    /// Bytes of a chunk's features.
    public let featureByteCount: Int
    /// Bytes of a chunk's encoder frames.
    public let outputByteCount: Int
    /// What an unknown chain is answered with: frames of silence, which decode to blanks.
    public var fallback: MessageBytes {
        didSet { precondition(fallback.count == outputByteCount, "an output has a fixed size") }
    }

    private(set) var outputs: [ChainHash: MessageBytes] = [:]

    /// An empty one, whose fallback is all zeros.
    public init(model: String, weights: String, featureByteCount: Int, outputByteCount: Int) {
        self.model = model
        self.weights = weights
        self.featureByteCount = featureByteCount
        self.outputByteCount = outputByteCount
        fallback = MessageBytes([UInt8](repeating: 0, count: outputByteCount))
    }

    /// Chains that are known.
    public var chunkCount: Int { outputs.count }

    /// The encoder's frames for the last chunk of a chain, little-endian, row-major; nil for a chain
    /// that was not recorded.
    public func output(_ chain: ChainHash) -> MessageBytes? { outputs[chain] }

    /// Adds a chain's last output. One that is there stays: an encoder that answers the same
    /// differently has no right answer to give.
    public mutating func insert(_ output: MessageBytes, for chain: ChainHash) {
        precondition(output.count == outputByteCount, "an output has a fixed size")
        if outputs[chain] == nil { outputs[chain] = output }
    }

    /// - Throws: ``StubEncoderError`` when this is the recording of another encoder.
    public func check(against encoder: ServedEncoder) throws(StubEncoderError) {
        let description = encoder.description
        guard model == description.carriedTritonModel else {
            throw StubEncoderError(
                """
                the recording is of model "\(model)", the bundle's is \
                "\(description.carriedTritonModel)"; record this bundle's encoder with --record-from
                """
            )
        }
        guard weights == encoder.weights || weights.isEmpty || encoder.weights.isEmpty else {
            throw StubEncoderError(
                """
                the recording is of an encoder with weights \(weights), the bundle's has \
                \(encoder.weights); record this bundle's encoder with --record-from
                """
            )
        }
        let (features, output) = (description.features, description.output)
        guard featureByteCount == features.byteCountPerStream,
            outputByteCount == output.byteCountPerStream
        else {
            throw StubEncoderError(
                """
                the recording has chunks of \(featureByteCount) bytes in and \(outputByteCount) \
                out, the bundle's encoder \(features.byteCountPerStream) in and \
                \(output.byteCountPerStream) out; record this bundle's encoder with --record-from
                """
            )
        }
    }
}
