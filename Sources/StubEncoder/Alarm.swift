internal import GRPCTransport

/// Lets tasks wait for a time, to the millisecond above it: those of the same millisecond share one
/// timer, since a timer costs more than all else that a request does here.
///
///     waiting --its millisecond comes--> resumed
///     waiting --its task is cancelled--> resumed with an error
///
/// A task that is cancelled before it waits is found cancelled once it does; whoever takes a waiter
/// out of the table resumes it, so that it is resumed once.
package final class Alarm: Sendable {
    private typealias Waiter = CheckedContinuation<Bool, Never>

    private struct State {
        var nextID = 0
        /// By millisecond. A list stays until its time has come, even when all have left it.
        var waiters: [Int64: [Int: Waiter]] = [:]
    }

    private let state = Guarded(State())
    private let now: @Sendable () -> Duration
    private let sleep: @Sendable (_ until: Duration) async throws -> Void

    /// Counts time from now on.
    package init<C: Clock>(_ clock: C) where C.Duration == Duration {
        let start = clock.now
        now = { start.duration(to: clock.now) }
        sleep = { try await clock.sleep(until: start.advanced(by: $0), tolerance: nil) }
    }

    /// The time since it was made.
    package var time: Duration { now() }

    /// Returns at that time or within a millisecond after it.
    /// - Throws: `CancellationError`, with the task's cancellation.
    package func wait(until time: Duration) async throws {
        guard time > now() else { return try Task.checkCancellation() }
        let millisecond = Self.millisecond(above: time)
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let isTime = await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: Waiter) in
                let isFirst = state.withLock { state in
                    state.waiters[millisecond, default: [:]][id] = waiter
                    return state.waiters[millisecond]?.count == 1
                }
                if isFirst { ring(at: millisecond) }
                if Task.isCancelled { cancel(id, at: millisecond) }
            }
        } onCancel: {
            cancel(id, at: millisecond)
        }
        state.takeOver()
        guard isTime else { throw CancellationError() }
    }

    private func ring(at millisecond: Int64) {
        Task {
            try? await sleep(.milliseconds(millisecond))
            let waiters = state.withLock { $0.waiters.removeValue(forKey: millisecond) }
            for waiter in waiters?.values ?? [:].values { waiter.resume(returning: true) }
        }
    }

    private func cancel(_ id: Int, at millisecond: Int64) {
        state.withLock { $0.waiters[millisecond]?.removeValue(forKey: id) }?
            .resume(returning: false)
    }

    private static func millisecond(above time: Duration) -> Int64 {
        let (seconds, attoseconds) = time.components
        return seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
