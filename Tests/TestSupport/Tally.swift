internal import Synchronization

/// A number that some tasks count up and others wait for. Waiting ends with the waiting task.
public final class Tally: Sendable {
    private struct State {
        var count = 0
        var nextWatcher = 0
        var watchers: [Int: AsyncStream<Int>.Continuation] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    public var count: Int { state.withLock { $0.count } }

    public func add() {
        state.withLock { state in
            state.count += 1
            for watcher in state.watchers.values { watcher.yield(state.count) }
        }
    }

    /// Returns once the count is as high, or when the task is cancelled.
    public func reached(_ count: Int) async {
        let (counts, continuation) = AsyncStream.makeStream(
            of: Int.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let watcher = state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = continuation
            continuation.yield(state.count)
            return state.nextWatcher
        }
        for await present in counts where present >= count { break }
        state.withLock { _ = $0.watchers.removeValue(forKey: watcher) }
    }
}
