package import GRPCTransport
internal import ModelBundle

/// The encoder's state of one stream: what its last chunk left behind, to go with its next.
///
/// The tensors of a stream that was alone in its request stay in the slices in which they arrived;
/// those of a stream that shared it are copied once, into a slice of the stream's own. They are sent
/// from there.
public struct CarriedState: Sendable {
    /// Contents in the order of ``EncoderDescription/states``, little-endian, row-major.
    package let contents: [MessageBytes]

    init(_ contents: [MessageBytes]) {
        self.contents = contents
    }

    /// All zeros, cut from one slice.
    init(zeroFor model: EncoderDescription) {
        let sizes = model.states.map(\.input.byteCountPerStream)
        let zeros = MessageBytes([UInt8](repeating: 0, count: sizes.max() ?? 0))
        contents = sizes.map { zeros[0..<$0] }
    }

    /// Bytes that travel with each chunk.
    public var byteCount: Int { contents.reduce(0) { $0 + $1.count } }
}

/// Encoder frames of one chunk of one stream.
public struct EncoderOutput: Sendable {
    /// `[frames, dimension]`, row-major.
    public let values: [Float]
    public let frameCount: Int
    public let dimension: Int

    /// - Parameter values: `[frames, dimension]`, row-major.
    package init(values: [Float], dimension: Int) {
        precondition(values.count.isMultiple(of: dimension), "a broken frame")
        self.values = values
        self.dimension = dimension
        frameCount = values.count / dimension
    }

    init(_ bytes: MessageBytes, dimension: Int) {
        let count = bytes.count / MemoryLayout<Float>.size
        let values = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            bytes.copyBytes(to: UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
        self.init(values: values, dimension: dimension)
    }
}
