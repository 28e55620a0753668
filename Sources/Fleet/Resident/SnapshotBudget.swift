internal import Synchronization

/// The memory that may be held for streams to live on elsewhere: snapshots of their states and the
/// chunks since. Each stream reserves what it may come to hold when it begins, so that none runs out
/// of it later.
final class SnapshotBudget: Sendable {
    let limit: Int
    private let reserved = Mutex(0)
    private let held = Atomic<Int>(0)

    init(limit: Int) {
        self.limit = limit
    }

    var reservedByteCount: Int { reserved.withLock { $0 } }
    var heldByteCount: Int { held.load(ordering: .relaxed) }

    /// - Returns: whether there was so much left.
    func reserve(_ byteCount: Int) -> Bool {
        reserved.withLock { reserved in
            guard byteCount <= limit - reserved else { return false }
            reserved += byteCount
            return true
        }
    }

    func release(_ byteCount: Int) {
        reserved.withLock { $0 -= byteCount }
    }

    /// So many bytes more are held than before.
    func hold(_ difference: Int) {
        held.wrappingAdd(difference, ordering: .relaxed)
    }
}
