/// One request's way over the endpoints until one of them has run it, as a pure machine: what
/// became of its attempts and the pool in, what to do next out. ``Attempts`` owns it.
///
/// - An endpoint that was lost on the way takes no more work by then; another one is asked.
/// - One that answers with an error is not asked again, and is blamed once another endpoint could
///   run the request. Where all have answered so, they are suspected: each is asked again once it
///   has run a probe's chunk, with growing pauses.
/// - Where no endpoint admits work, the request waits for one.
///
/// All of it ends at the deadline, and with ``maximumFailures`` answers that were errors.
package struct RequestCourse: Sendable {
    /// Errors that are taken for an answer before the request itself is held to be at fault.
    package static let maximumFailures = 6
    /// Before an endpoint is asked once more that has failed and was found well since: the first
    /// pause; each further one is twice as long,
    private static let minimumPause = Duration.milliseconds(100)
    /// up to this.
    private static let maximumPause = Duration.seconds(2)

    package enum Step: Sendable, Equatable {
        /// The next attempt.
        case send(Lease)
        /// To be asked again after this time.
        case pause(Duration)
        /// To be asked again once the pool has told of an endpoint that was admitted or cleared.
        case await
        /// There is no point in another attempt.
        case giveUp
    }

    /// An endpoint that is not asked again until it has run another probe's chunk.
    private struct Exclusion {
        var endpoint: EndpointID
        var passedProbeCount: Int?
        /// The error; nil where it is no fault of the endpoint's.
        var failure: String?
    }

    /// When the stream is told that it cannot go on.
    package let deadline: Duration
    private let inferTimeout: Duration
    private var exclusions: [Exclusion] = []
    private var failureCount = 0
    /// Failures of endpoints that had failed before.
    private var repeatedFailureCount = 0
    private var hasBegun = false
    /// Whether the next attempt has been paid for.
    private var isGranted = false
    /// No attempt before this.
    private var earliest = Duration.zero

    /// - Parameters:
    ///   - patience: what the request may take in all.
    ///   - inferTimeout: what an attempt may take.
    package init(patience: Duration, inferTimeout: Duration, at now: Duration) {
        deadline = now + patience
        self.inferTimeout = inferTimeout
    }

    /// What an attempt may take now: no more than a request may, and than is left.
    package func timeout(at now: Duration) -> Duration {
        max(min(inferTimeout, deadline - now), .milliseconds(1))
    }

    /// The endpoint where the stream's state is, for the next attempt; nil when it admits no work.
    package mutating func lease(
        on id: EndpointID,
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> Lease? {
        begin(&pool)
        isGranted = false
        return pool.lease(on: id, at: now)
    }

    /// Whether it has been refused so often that it is held to be at fault itself.
    package var isExhausted: Bool { failureCount >= Self.maximumFailures }

    /// What to do next.
    ///
    /// - Parameter preferred: taken if it admits and none has failed yet.
    package mutating func next(
        rows: Int = 1,
        preferring preferred: EndpointID? = nil,
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> (step: Step, changes: [EndpointPool.Change]) {
        guard now < deadline, !isExhausted else { return (.giveUp, []) }
        begin(&pool)
        if !isGranted {
            let left = deadline - now
            guard now >= earliest else { return (.pause(min(earliest - now, left)), []) }
            if let wait = pool.askForRetry(at: now) { return (.pause(min(wait, left)), []) }
            isGranted = true
        }
        let excluded = exclusions.filter {
            $0.passedProbeCount == pool.passedProbeCount(of: $0.endpoint)
        }
        var lease = preferred.flatMap { exclusions.isEmpty ? pool.lease(on: $0, at: now) : nil }
        // Those that have failed come last, however well they are since.
        for group in [exclusions, excluded] where lease == nil {
            lease = pool.lease(rows: rows, excluding: group.map(\.endpoint), at: now)
        }
        if let lease {
            isGranted = false
            return (.send(lease), [])
        }
        // Every endpoint that admits has answered with an error, or is unsuited.
        pool.noteNeed(until: deadline)
        let changes = excluded.flatMap { exclusion in
            exclusion.failure.map {
                pool.suspect(exclusion.endpoint, reason: $0, at: now)
            } ?? []
        }
        return (.await, changes)
    }

    private mutating func begin(_ pool: inout EndpointPool) {
        guard !hasBegun else { return }
        hasBegun = true
        isGranted = true
        pool.noteFirstAttempt()
    }

    /// An attempt has succeeded.
    package mutating func succeeded(
        _ lease: Lease,
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> [EndpointPool.Change] {
        pool.end(lease, .succeeded, at: now)
            + exclusions.flatMap { exclusion in
                exclusion.failure.map {
                    pool.blame(exclusion.endpoint, reason: $0, at: now)
                } ?? []
            }
    }

    /// An attempt got no answer.
    ///
    /// - Parameter timeout: what it was given, when that is why: where that was less than an attempt
    ///   may take, it says nothing about the endpoint.
    package mutating func lost(
        _ lease: Lease,
        reason: String,
        timeout: Duration? = nil,
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> [EndpointPool.Change] {
        let wasCutShort = timeout.map { $0 < inferTimeout } ?? false
        return pool.end(lease, wasCutShort ? .abandoned : .lost(reason: reason), at: now)
    }

    /// An attempt was answered with an error, or with what the model does not promise.
    package mutating func refused(
        _ lease: Lease,
        reason: String,
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> [EndpointPool.Change] {
        failureCount += 1
        if exclusions.contains(where: { $0.endpoint == lease.endpoint && $0.failure != nil }) {
            repeatedFailureCount += 1
            var pause = Self.minimumPause
            for _ in 1..<repeatedFailureCount where pause < Self.maximumPause { pause *= 2 }
            earliest = now + min(pause, Self.maximumPause)
        }
        exclude(lease.endpoint, failure: reason, pool)
        return pool.end(lease, .failed, at: now)
    }

    /// The endpoint cannot run it, and nothing is wrong with the endpoint.
    package mutating func unsuited(
        _ lease: Lease,
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> [EndpointPool.Change] {
        exclude(lease.endpoint, failure: nil, pool)
        return pool.end(lease, .abandoned, at: now)
    }

    private mutating func exclude(_ id: EndpointID, failure: String?, _ pool: EndpointPool) {
        exclusions.removeAll { $0.endpoint == id }
        exclusions.append(
            Exclusion(
                endpoint: id,
                passedProbeCount: pool.passedProbeCount(of: id),
                failure: failure
            )
        )
    }
}
