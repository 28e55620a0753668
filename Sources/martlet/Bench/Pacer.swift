internal import Foundation
internal import LoadGeneration
internal import Synchronization

/// Wakes thousands of streams in time from one thread.
///
/// A timer of the system's for each message would cost more than the message; here whoever is due
/// wakes at the next of the thread's ticks. A thread of its own sleeps, none of Swift's pool.
final class Pacer: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// How late a sleeper may wake.
    private static let tick = 0.001

    private struct State {
        var queue = DeadlineQueue<Instant, CheckedContinuation<Void, Never>>()
        var isClosed = false
    }

    private let state = Mutex(State())

    init() {
        let thread = Thread { [weak self] in
            // A thread of its own, which may sleep: one for all streams is cheaper than a timer each.
            while self?.wakeThoseDue() == true { Thread.sleep(forTimeInterval: Self.tick) }
        }
        thread.name = "pacer"
        thread.start()
    }

    /// Returns at the deadline, or soon once the pacer is closed.
    func sleep(until deadline: Instant) async {
        guard deadline > .now else { return }
        await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state in
                if !state.isClosed { state.queue.insert(continuation, due: deadline) }
                return state.isClosed
            }
            if isClosed { continuation.resume() }
        }
    }

    /// Wakes everyone; nobody sleeps from here on.
    func close() {
        let sleepers = state.withLock { state in
            state.isClosed = true
            return state.queue.removeAll()
        }
        for sleeper in sleepers { sleeper.resume() }
    }

    /// Whether there may be more to wake.
    private func wakeThoseDue() -> Bool {
        let now = Instant.now
        var due: [CheckedContinuation<Void, Never>] = []
        let goesOn = state.withLock { state in
            while let sleeper = state.queue.popDue(at: now) { due.append(sleeper) }
            return !state.isClosed
        }
        for sleeper in due { sleeper.resume() }
        return goesOn
    }
}
