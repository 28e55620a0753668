/// Finds endpoints that answer with errors far more often than the others do, as a pure value.
///
/// As in Envoy's success rate outlier detection: at an interval, the success rates of all endpoints
/// that were asked often enough are compared, and one whose rate is more than so many standard
/// deviations below their mean is an outlier. Errors in a row are ``EndpointHealth``'s affair, and
/// requests that got no answer are no matter of rates: this is for the endpoint that fails now and
/// then.
package struct OutlierDetector: Sendable {
    package struct Settings: Sendable, Equatable {
        /// Time over which rates are taken.
        package var interval: Duration = .seconds(10)
        /// Requests without which an endpoint's rate in an interval is not looked at.
        package var minimumRequests = 100
        /// Endpoints with that many requests, without which nothing is compared: one of n that
        /// differs is at most √(n - 1) standard deviations from their mean.
        package var minimumEndpoints = 5
        /// Standard deviations below the mean at which an outlier begins.
        package var deviations = 1.9
        /// The share of errors up to which an endpoint is no outlier, however good the others are.
        package var tolerance = 0.02

        package init() {}
    }

    private struct Count {
        var requests = 0
        var failures = 0

        var successRate: Double { 1 - Double(failures) / Double(requests) }
    }

    private let settings: Settings
    private var counts: [EndpointID: Count] = [:]
    private var intervalEnd: Duration?

    package init(_ settings: Settings) {
        self.settings = settings
    }

    package mutating func note(_ id: EndpointID, isFailure: Bool) {
        counts[id, default: Count()].requests += 1
        if isFailure { counts[id, default: Count()].failures += 1 }
    }

    /// What was counted for an endpoint is of another time.
    package mutating func forget(_ id: EndpointID) {
        counts[id] = nil
    }

    /// The outliers of an interval, the worst first, with a line about each; none before the
    /// interval is over.
    package mutating func outliers(at now: Duration) -> [(id: EndpointID, reason: String)] {
        guard let end = intervalEnd else {
            intervalEnd = now + settings.interval
            return []
        }
        guard now >= end else { return [] }
        intervalEnd = now + settings.interval
        defer { counts = [:] }
        let rates = counts.filter { $0.value.requests >= settings.minimumRequests }
            .map { (id: $0.key, rate: $0.value.successRate) }
            .sorted { $0.id.number < $1.id.number }
        guard rates.count >= max(settings.minimumEndpoints, 2) else { return [] }
        let count = Double(rates.count)
        let mean = rates.reduce(0) { $0 + $1.rate } / count
        let variance = rates.reduce(0) { $0 + ($1.rate - mean) * ($1.rate - mean) } / count
        let threshold = min(
            mean - settings.deviations * variance.squareRoot(),
            1 - settings.tolerance
        )
        return rates.filter { $0.rate < threshold }
            .sorted { ($0.rate, $0.id.number) < ($1.rate, $1.id.number) }
            .map { ($0.id, "runs \(percent($0.rate)) of its requests, all run \(percent(mean))") }
    }

    private func percent(_ share: Double) -> String {
        let thousandths = Int((share * 1000).rounded())
        return "\(thousandths / 10).\(thousandths % 10)%"
    }
}
