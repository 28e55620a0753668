/// Floats on a cache-line boundary, zeroed at first, owned by one value.
///
/// An `[Float]` starts 32 bytes into its allocation, so that every 64-byte load of a BLAS kernel
/// would straddle two lines.
///
/// `@unchecked Sendable`: the memory has one owner (the type cannot be copied), and writing needs
/// that owner's exclusive access (`mutating`); a shared buffer can only be read.
struct AlignedBuffer: ~Copyable, @unchecked Sendable {
    static let alignmentBytes = 64

    let count: Int
    private let memory: UnsafeMutablePointer<Float>

    init(count: Int) {
        // Whole vectors of `SIMD8` may be read and written at the end.
        let padded = (max(count, 1) + 15) / 16 * 16
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: padded * MemoryLayout<Float>.stride,
            alignment: Self.alignmentBytes
        )
        memory = raw.initializeMemory(as: Float.self, repeating: 0, count: padded)
        self.count = count
    }

    deinit {
        memory.deallocate()
    }

    /// To read from; valid while the buffer lives, which its users' stored property ensures.
    var pointer: UnsafePointer<Float> { UnsafePointer(memory) }

    /// To write to; exclusive access to the buffer is what allows it.
    var mutablePointer: UnsafeMutablePointer<Float> { mutating get { memory } }

    /// Makes room for `count` elements, keeping the first `kept`.
    mutating func grow(to count: Int, keeping kept: Int) {
        guard count > self.count else { return }
        var larger = AlignedBuffer(count: count)
        larger.mutablePointer.update(from: pointer, count: kept)
        self = larger
    }
}
