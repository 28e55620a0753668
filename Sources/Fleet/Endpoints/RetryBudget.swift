/// How many requests may be sent a second time: a share of those that are sent a first time, and a
/// few a second whatever the traffic. As in Finagle's retry budget, so that a fleet in trouble is
/// not also given a multiple of its usual work.
///
/// A retry that finds the budget spent is not refused but waits: a stream is not lost for it.
package struct RetryBudget: Sendable {
    package struct Settings: Sendable, Equatable {
        /// Retries a request.
        package var share = 0.2
        /// Retries a second, at the least.
        package var minimumRate = 10.0
        /// Retries that may be saved up.
        package var maximumSaved = 1000.0

        package init() {}
    }

    private let settings: Settings
    private var saved: Double
    private var updatedAt = Duration.zero

    package init(_ settings: Settings) {
        self.settings = settings
        saved = min(settings.minimumRate * 10, settings.maximumSaved)
    }

    /// A request was sent for the first time.
    package mutating func deposit() {
        saved = min(saved + settings.share, settings.maximumSaved)
    }

    /// Asks for a retry.
    /// - Returns: nil when it may go; otherwise how long to wait before asking again.
    package mutating func withdraw(at now: Duration) -> Duration? {
        saved = min(
            saved + (now - updatedAt).seconds * settings.minimumRate,
            settings.maximumSaved
        )
        updatedAt = now
        guard saved < 1 else {
            saved -= 1
            return nil
        }
        return .seconds(max((1 - saved) / settings.minimumRate, 0.001))
    }
}
