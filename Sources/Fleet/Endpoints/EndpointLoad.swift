/// What an endpoint has to do, how fast it has been and how often it failed, as a pure value.
///
/// The cost of giving it more is its latency times its outstanding work, as in Finagle's peak EWMA
/// balancer: latency is an exponentially weighted moving average, and never less than the time that
/// the oldest outstanding request has been waiting, so that a server which has stopped answering is
/// avoided before any deadline has passed. Errors raise the cost, so that a server which fails fast
/// does not attract work by having nothing to do.
package struct EndpointLoad: Sendable {
    private struct Outstanding {
        var lease: UInt64
        var rows: Int
        var start: Duration
    }

    /// In the order of their starts.
    private var requests: [Outstanding] = []
    /// Chunks that were sent and are not answered.
    package private(set) var outstandingRows = 0
    /// Of requests that were answered; nil until one was.
    package private(set) var latency: Duration?
    private var latencyUpdatedAt = Duration.zero
    /// Of the requests that were settled lately, 0...1, as it was at its last update.
    private var failureShare = 0.0
    private var failureShareUpdatedAt = Duration.zero
    /// The time after which an old figure counts 1/e.
    private let decay: Duration

    package init(decay: Duration) {
        precondition(decay > .zero, "old figures fade")
        self.decay = decay
    }

    package var outstandingRequests: Int { requests.count }

    package mutating func began(_ lease: UInt64, rows: Int, at now: Duration) {
        requests.append(Outstanding(lease: lease, rows: rows, start: now))
        outstandingRows += rows
    }

    /// A request is over.
    /// - Returns: how long it took; nil when it was not outstanding.
    @discardableResult
    package mutating func ended(_ lease: UInt64, at now: Duration) -> Duration? {
        guard let index = requests.firstIndex(where: { $0.lease == lease }) else { return nil }
        let request = requests.remove(at: index)
        outstandingRows -= request.rows
        return now - request.start
    }

    // MARK: Latency

    /// A request was answered after `time`.
    package mutating func note(_ time: Duration, at now: Duration) {
        if let latency {
            let weight = 1 - Self.decayed(over: now - latencyUpdatedAt, decay)
            // At least a little, so that many answers within one instant count too.
            let share = max(weight, Self.minimumWeight)
            self.latency = .seconds(latency.seconds + (time - latency).seconds * share)
        } else {
            latency = time
        }
        latencyUpdatedAt = now
    }

    /// A request that nobody waits for any more had not been answered after `time`.
    package mutating func noteUnanswered(after time: Duration, at now: Duration) {
        if time > latency ?? .zero { note(time, at: now) }
    }

    /// What was measured is of a server that was stopped or stood still since.
    package mutating func forget() {
        latency = nil
        failureShare = 0
    }

    private static let minimumWeight = 0.05

    // MARK: Failures

    /// A request has succeeded, or was answered with an error that is the endpoint's fault.
    package mutating func note(isFailure: Bool, at now: Duration) {
        let share = presentFailureShare(at: now)
        failureShare = share + ((isFailure ? 1 : 0) - share) * Self.failureWeight
        failureShareUpdatedAt = now
    }

    private func presentFailureShare(at now: Duration) -> Double {
        guard failureShare > 0 else { return 0 }
        return failureShare
            * Self.decayed(over: now - failureShareUpdatedAt, decay * Self.fadingFactor)
    }

    private static let failureWeight = 0.1
    private static let maximumFailureShare = 0.95

    // MARK: Cost

    /// What another row would cost, in seconds of waiting; lower is better.
    ///
    /// - Parameters:
    ///   - placementCount: streams that live there, each of which is work to come.
    ///   - unknownLatency: assumed where nothing was answered yet.
    package func cost(
        at now: Duration,
        placementCount: Int = 0,
        unknownLatency: Duration
    ) -> Double {
        var expected = unknownLatency.seconds
        if let latency {
            // An old figure fades, so that an endpoint that was slow once is tried again.
            expected =
                latency.seconds
                * Self.decayed(over: now - latencyUpdatedAt, decay * Self.fadingFactor)
        }
        if let oldest = requests.first { expected = max(expected, (now - oldest.start).seconds) }
        let success = 1 - min(presentFailureShare(at: now), Self.maximumFailureShare)
        return max(expected, Self.minimumLatencySeconds)
            * Double(outstandingRows + placementCount + 1) / (success * success)
    }

    private static let minimumLatencySeconds = 1e-6
    /// Figures fade more slowly than they give way to new ones.
    private static let fadingFactor = 4

    /// exp(-time / decay) without the C library: (1 + x/8)^-8, near enough for weights.
    private static func decayed(over time: Duration, _ decay: Duration) -> Double {
        let base = 1 + max(0, time.seconds / decay.seconds) / 8
        let square = base * base
        let fourth = square * square
        return 1 / (fourth * fourth)
    }
}

extension Duration {
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
