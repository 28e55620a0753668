internal import Synchronization

/// A yes or no that changes, for any number of watchers.
public final class Readiness: Sendable {
    private struct State {
        var isReady = false
        var isFinished = false
        var nextWatcher = 0
        var watchers: [Int: AsyncStream<Bool>.Continuation] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    public var isReady: Bool { state.withLock { $0.isReady } }

    /// The value now, and again whenever it changes, until ``finish()``. A slow watcher sees only
    /// the latest.
    public func changes() -> AsyncStream<Bool> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Bool.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        // Yielding only enqueues, and under the lock it keeps the order in which values change.
        let watcher = state.withLock { state in
            let watcher = state.nextWatcher
            state.nextWatcher += 1
            state.watchers[watcher] = continuation
            continuation.yield(state.isReady)
            if state.isFinished { continuation.finish() }
            return watcher
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.watchers.removeValue(forKey: watcher) }
        }
        return stream
    }

    /// Sets the value to what `evaluate` gives. Calls are one after the other, so that the last one
    /// to look is the one that is believed.
    public func update(_ evaluate: () -> Bool) {
        state.withLock { state in
            let isReady = evaluate()
            guard state.isReady != isReady, !state.isFinished else { return }
            state.isReady = isReady
            for watcher in state.watchers.values { watcher.yield(isReady) }
        }
    }

    /// The answer is no from here on, and every watcher is told so for the last time.
    public func finish() {
        let watchers = state.withLock { state in
            if state.isReady {
                for watcher in state.watchers.values { watcher.yield(false) }
            }
            state.isReady = false
            state.isFinished = true
            defer { state.watchers = [:] }
            return state.watchers
        }
        // Outside the lock, which their termination handlers take.
        for watcher in watchers.values { watcher.finish() }
    }
}
