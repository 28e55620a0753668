internal import Synchronization

/// What happened when in a run, printed as it happens.
final class ChaosLog: Sendable {
    private let started = ContinuousClock.now

    func note(_ line: String) {
        print("chaos \(time(.now)) \(line)")
    }

    /// Seconds since the run began.
    func time(_ instant: ContinuousClock.Instant) -> String {
        let milliseconds = Int(started.duration(to: instant) / .milliseconds(1))
        let fraction = "\(milliseconds % 1_000)"
        return "\(milliseconds / 1_000)."
            + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}
