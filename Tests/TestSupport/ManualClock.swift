internal import Synchronization

/// A clock that stands still until it is moved.
public final class ManualClock: Clock {
    public struct Instant: InstantProtocol {
        public var offset: Duration

        public init(offset: Duration) {
            self.offset = offset
        }

        public func advanced(by duration: Duration) -> Instant {
            Instant(offset: offset + duration)
        }

        public func duration(to other: Instant) -> Duration { other.offset - offset }

        public static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper {
        var deadline: Instant
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Instant(offset: .zero)
        var nextSleeper = 0
        var sleepers: [Int: Sleeper] = [:]
        var cancelled: Set<Int> = []
        /// Those who wait for someone to fall asleep.
        var observers: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextObserver = 0
    }

    private let state = Mutex(State())

    public init() {}

    public var now: Instant { state.withLock { $0.now } }
    public var minimumResolution: Duration { .nanoseconds(1) }

    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                let actions = state.withLock { state -> [() -> Void] in
                    if state.cancelled.remove(id) != nil {
                        return [{ continuation.resume(throwing: CancellationError()) }]
                    }
                    if deadline <= state.now { return [{ continuation.resume() }] }
                    state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
                    defer { state.observers = [:] }
                    return state.observers.values.map { observer in { observer.resume() } }
                }
                for action in actions { action() }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                if sleeper == nil { state.cancelled.insert(id) }
                return sleeper
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Returns once at least one sleeper waits for the clock to move, or when the task is cancelled.
    public func sleeperArrived() async {
        await sleepersArrived(1)
    }

    /// Returns once so many sleepers wait for the clock to move, or when the task is cancelled.
    public func sleepersArrived(_ count: Int) async {
        while !Task.isCancelled, state.withLock({ $0.sleepers.count }) < count {
            let id = state.withLock { state in
                state.nextObserver += 1
                return state.nextObserver
            }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let waits = state.withLock { state in
                        // Looked at under the lock, which cancellation takes after it has set this.
                        guard state.sleepers.count < count, !Task.isCancelled else { return false }
                        state.observers[id] = continuation
                        return true
                    }
                    if !waits { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.observers.removeValue(forKey: id) }?.resume()
            }
        }
    }

    /// Moves on and wakes everyone whose time has come.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in due { sleeper.continuation.resume() }
    }
}
