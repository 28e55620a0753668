internal import LoadGeneration
internal import Synchronization

/// What the streams of a load share: its clock and its ledger.
final class LoadRecord: Sendable {
    let start = ContinuousClock.now
    private let ledger = Mutex(LoadLedger())

    /// Since the load began.
    var elapsed: Duration { ContinuousClock.now - start }

    /// Calls `body` with the ledger and the time since the load began. `body` must not wait.
    func note<Value: Sendable>(_ body: (inout LoadLedger, Duration) -> Value) -> Value {
        let elapsed = elapsed
        return ledger.withLock { body(&$0, elapsed) }
    }
}
