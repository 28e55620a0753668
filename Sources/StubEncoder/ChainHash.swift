public import GRPCTransport

/// What a stream has had encoded so far, in 64 bits: the hash of its last chunk's features and of
/// the chain before it. Equal chains had bitwise equal features from the stream's beginning on.
public struct ChainHash: Sendable, Hashable {
    public let value: UInt64

    public init(value: UInt64) {
        self.value = value
    }

    /// Of a stream that has not begun. Zero, as a state that has not begun is all zeros.
    public static let start = ChainHash(value: 0)
    /// Of a stream whose state does not hang together. No chain leads here, so what follows is
    /// unknown to every recording.
    public static let broken = ChainHash(value: .max)

    /// The chain one chunk on; never ``start`` or ``broken``.
    public func followed(by chunk: ChunkDigest) -> ChainHash {
        let mixed = Mixing.fold(value ^ Mixing.first, chunk.value ^ Mixing.second)
        let next = Mixing.fold(mixed ^ Mixing.third, chunk.value &+ Mixing.first)
        return ChainHash(value: min(max(next, 1), .max - 1))
    }
}

/// A 64-bit hash of one chunk's features.
///
/// Takes 16 bytes a step: both words are mixed with the hash so far and multiplied to 128 bits, of
/// which the halves are added by exclusive or; the previous hash is rotated in, so that no factor of
/// zero can wipe it out. The last, partial step is filled up with zeros, and the length goes in at
/// the end. For telling recordings apart, not for keeping anyone out: chunks can be made to collide.
public struct ChunkDigest: Sendable, Hashable {
    public let value: UInt64

    public init(value: UInt64) {
        self.value = value
    }

    /// Hashes the features where they lie; how they are cut into slices makes no difference.
    public init(_ features: MessageBytes) {
        var hash = Mixing.first
        // A step's bytes when a slice ends within it.
        var held: (UInt64, UInt64) = (0, 0)
        var heldCount = 0
        features.forEachSlice { slice in
            var rest = slice[...]
            if heldCount > 0 {
                let taken = min(Self.stepBytes - heldCount, rest.count)
                withUnsafeMutableBytes(of: &held) { step in
                    UnsafeMutableRawBufferPointer(rebasing: step[heldCount..<heldCount + taken])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest.prefix(taken)))
                }
                rest = rest.dropFirst(taken)
                heldCount += taken
                guard heldCount == Self.stepBytes else { return }
                hash = Self.step(hash, held)
            }
            let whole = UnsafeRawBufferPointer(rebasing: rest)
            let end = whole.count - whole.count % Self.stepBytes
            for offset in stride(from: 0, to: end, by: Self.stepBytes) {
                let low = whole.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let high = whole.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
                hash = Self.step(hash, (low, high))
            }
            held = (0, 0)
            heldCount = whole.count - end
            if heldCount > 0 {
                withUnsafeMutableBytes(of: &held) { step in
                    step.copyMemory(from: UnsafeRawBufferPointer(rebasing: whole[end...]))
                }
            }
        }
        if heldCount > 0 { hash = Self.step(hash, held) }
        value = Mixing.fold(hash ^ Mixing.third, UInt64(features.count) ^ Mixing.second)
    }

    private static let stepBytes = 16

    @inline(__always)
    private static func step(_ hash: UInt64, _ words: (UInt64, UInt64)) -> UInt64 {
        let (low, high) = (UInt64(littleEndian: words.0), UInt64(littleEndian: words.1))
        return Mixing.fold(low ^ hash, high ^ Mixing.second) &+ (hash << 23 | hash >> 41)
    }
}

private enum Mixing {
    // Odd, with about as many ones as zeros: the fractional parts of the square roots of 2, 3, 5.
    static let first: UInt64 = 0x6a09_e667_f3bc_c909
    static let second: UInt64 = 0xbb67_ae85_84ca_a73b
    static let third: UInt64 = 0x3c6e_f372_fe94_f82b

    @inline(__always)
    static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
