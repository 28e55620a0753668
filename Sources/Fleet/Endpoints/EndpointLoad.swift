/// What an endpoint has to do, and how fast it has been, as a pure value.
///
/// The cost of giving it more is its latency times its outstanding work, as in Finagle's peak EWMA
/// balancer: latency is an exponentially weighted moving average, and never less than the time that
/// the oldest outstanding request has been waiting, so that a server which has stopped answering is
/// avoided before any deadline has passed.
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
    /// Nil until something was answered.
    package private(set) var latency: Duration?
    private var updatedAt = Duration.zero

    package init() {}

    package var outstandingRequests: Int { requests.count }

    package mutating func began(_ lease: UInt64, rows: Int, at now: Duration) {
        requests.append(Outstanding(lease: lease, rows: rows, start: now))
        outstandingRows += rows
    }

    /// - Parameters:
    ///   - wasAnswered: whether the time that it took says something about the endpoint's speed.
    ///   - decay: the time after which an old latency counts 1/e.
    /// - Returns: how long the request took; nil when it was not outstanding.
    @discardableResult
    package mutating func ended(
        _ lease: UInt64,
        wasAnswered: Bool,
        at now: Duration,
        decay: Duration
    ) -> Duration? {
        guard let index = requests.firstIndex(where: { $0.lease == lease }) else { return nil }
        let request = requests.remove(at: index)
        outstandingRows -= request.rows
        let time = now - request.start
        if wasAnswered { note(time, at: now, decay: decay) }
        return time
    }

    package mutating func note(_ time: Duration, at now: Duration, decay: Duration) {
        if let latency {
            let weight = 1 - Self.decayed(over: now - updatedAt, decay)
            // At least a little, so that many answers within one instant count too.
            let share = max(weight, Self.minimumWeight)
            self.latency = .seconds(latency.seconds + (time - latency).seconds * share)
        } else {
            latency = time
        }
        updatedAt = now
    }

    private static let minimumWeight = 0.05

    /// What another row would cost, in seconds of waiting; lower is better.
    ///
    /// - Parameters:
    ///   - placementCount: streams that live there, each of which is work to come.
    ///   - unknownLatency: assumed where nothing was answered yet.
    package func cost(
        at now: Duration,
        decay: Duration,
        placementCount: Int = 0,
        unknownLatency: Duration
    ) -> Double {
        var expected = latency ?? unknownLatency
        // An old figure fades, so that an endpoint that was slow once is tried again.
        if latency != nil {
            expected = .seconds(expected.seconds * Self.decayed(over: now - updatedAt, decay * 4))
        }
        if let oldest = requests.first { expected = max(expected, now - oldest.start) }
        return max(expected.seconds, Self.minimumLatencySeconds)
            * Double(outstandingRows + placementCount + 1)
    }

    private static let minimumLatencySeconds = 1e-6

    /// exp(-time / decay), near enough for weights and without the C library: 1 / (1 + x + x²/2).
    private static func decayed(over time: Duration, _ decay: Duration) -> Double {
        let ratio = max(0, time.seconds / decay.seconds)
        return 1 / (1 + ratio + ratio * ratio / 2)
    }
}

extension Duration {
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
