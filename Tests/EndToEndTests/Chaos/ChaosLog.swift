internal import Foundation
internal import Synchronization

/// What happened when in a run, printed as it happens.
final class ChaosLog: Sendable {
    private let started = ContinuousClock.now
    private let hasToldLogs = Mutex(false)

    func note(_ line: String) {
        print("chaos \(time(.now)) \(line)")
        // Through a pipe, lines would come in large pieces, far behind what they tell of.
        fflush(nil)
    }

    /// Prints what the Martlets have written, once.
    func tellLogs(of martlets: [Martlet]) {
        let isFirst = hasToldLogs.withLock { told in
            defer { told = true }
            return !told
        }
        guard isFirst else { return }
        for martlet in martlets {
            print("The log of the Martlet at \(martlet.address):")
            for line in martlet.process.lines { print(line) }
        }
    }

    /// Seconds since the run began.
    func time(_ instant: ContinuousClock.Instant) -> String {
        let milliseconds = Int(started.duration(to: instant) / .milliseconds(1))
        let fraction = "\(milliseconds % 1_000)"
        return "\(milliseconds / 1_000)."
            + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}
