internal import LoadGeneration
internal import Synchronization

/// Where streams wait until it is their turn to speak: ``SpeakingTurns`` and those who wait.
final class SpeakingFloor: Sendable {
    private struct State {
        var turns: SpeakingTurns
        var waiting: [Int: CheckedContinuation<Bool, Never>] = [:]
    }

    private let state: Mutex<State>

    init(_ turns: SpeakingTurns) {
        state = Mutex(State(turns: turns))
    }

    func begin(_ slot: Int) {
        state.withLock { $0.turns.begin(slot) }
    }

    /// Waits for the slot's turn. False when it will not come: the slot has withdrawn, or the load
    /// is over.
    func turn(of slot: Int) async -> Bool {
        await withCheckedContinuation { continuation in
            let arrival = state.withLock { state in
                let arrival = state.turns.arrive(slot)
                if arrival == .waits { state.waiting[slot] = continuation }
                return arrival
            }
            if arrival != .waits { continuation.resume(returning: arrival == .speaks) }
        }
    }

    /// Who had a turn gives it to the next.
    func leave() {
        let next = state.withLock { state in
            state.turns.leave().flatMap { state.waiting.removeValue(forKey: $0) }
        }
        next?.resume(returning: true)
    }

    func withdraw(_ slot: Int) {
        let waiting = state.withLock { state in
            state.turns.withdraw(slot) ? state.waiting.removeValue(forKey: slot) : nil
        }
        waiting?.resume(returning: false)
    }

    /// Nobody speaks from here on who does not yet; who waits, waits.
    func end() {
        state.withLock { $0.turns.end() }
    }

    var waitingCount: Int { state.withLock { $0.turns.waitingCount } }

    /// Ends the turns and the waiting.
    func dismiss() {
        let waiting = state.withLock { state in
            state.turns.dismiss().compactMap { state.waiting.removeValue(forKey: $0) }
        }
        for continuation in waiting { continuation.resume(returning: false) }
    }
}
