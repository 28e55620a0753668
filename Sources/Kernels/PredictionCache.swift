/// Prediction-network outputs by context, direct-mapped: a context has one place, and a newer
/// context with the same place replaces it. A hit is bitwise what would be computed.
struct PredictionCache: ~Copyable {
    enum Lookup {
        /// The output is at this pointer until the next `insert`.
        case hit(UnsafePointer<Float>)
        /// Asked for earlier in this batch, as its `miss`-th miss.
        case pending(miss: Int)
        /// Not here; the place is now reserved for this batch's `miss`-th miss.
        case miss(place: Int)
    }

    private enum Entry {
        case empty
        case pending(miss: Int, TokenContext)
        case stored(TokenContext)
    }

    private let dimension: Int
    private var entries: [Entry]
    private var outputs: AlignedBuffer

    /// - Parameter capacity: contexts held, rounded up to a power of two.
    init(capacity: Int, dimension: Int) {
        var count = 1
        while count < capacity { count *= 2 }
        self.dimension = dimension
        entries = [Entry](repeating: .empty, count: count)
        outputs = AlignedBuffer(count: count * dimension)
    }

    /// - Parameter nextMiss: the number this batch's next miss will have.
    mutating func lookUp(_ context: TokenContext, nextMiss: Int) -> Lookup {
        let place = place(of: context)
        switch entries[place] {
        case .stored(context):
            return .hit(outputs.pointer + place * dimension)
        case .pending(let miss, context):
            return .pending(miss: miss)
        default:
            entries[place] = .pending(miss: nextMiss, context)
            return .miss(place: place)
        }
    }

    /// Keeps a miss's output. Of two misses with one place the one inserted last stays.
    mutating func insert(
        _ output: UnsafePointer<Float>,
        of context: TokenContext,
        place: Int
    ) {
        (outputs.mutablePointer + place * dimension).update(from: output, count: dimension)
        entries[place] = .stored(context)
    }

    /// Frees the place of a miss that will not be computed.
    mutating func abandon(miss: Int, place: Int) {
        if case .pending(miss, _) = entries[place] { entries[place] = .empty }
    }

    /// Fibonacci hashing of the ids: consecutive ids land far apart, and no seed is involved, so
    /// that a run can be repeated exactly.
    private func place(of context: TokenContext) -> Int {
        var hash: UInt64 = 0
        for position in 0..<context.count {
            hash = (hash ^ UInt64(UInt32(bitPattern: context[position]))) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 32
        }
        return Int(truncatingIfNeeded: hash) & (entries.count - 1)
    }
}
