/// Whether an endpoint may be given work, as a pure machine: events in, state out.
///
/// States and transitions:
///
///     probing ----a chunk of its own was run-----------------------------> admitting
///     admitting --a request was lost (connection, deadline, unloaded)----> probing
///     admitting --says that it is not ready, or serves another model-----> probing
///     admitting --checks unanswered, so many times in a row--------------> probing
///     admitting --answers with errors, so many in a row, or far more
///                 often than the others, and the pool allows it----------> ejected
///     ejected ----its time is over---------------------------------------> probing
///
/// Every endpoint begins in `probing`. There it gets nothing but probes: whether server and model
/// are ready, whether the model is the right one, and then one chunk of no stream's, since a server
/// whose backend has died still says that it is ready. `probing` is for an endpoint that could not
/// do the work anyway; `ejected` for one that does it badly, as Envoy's outlier detection tells
/// local from external errors. Each leaves more time before the next attempt than the one before,
/// unless the endpoint has worked well for a while in between.
package struct EndpointHealth: Sendable, Equatable {
    package struct Settings: Sendable, Equatable {
        /// Checks that must go unanswered in a row before an admitting endpoint is left, at least
        /// 1: one slow answer is no reason to stop the streams of a busy server.
        package var unansweredChecksToLeave = 3
        /// Requests that must be answered with errors in a row before an endpoint is ejected.
        package var failuresToEject = 3
        /// How long the first ejection lasts; each further one twice as long,
        package var minimumEjection: Duration = .seconds(1)
        /// up to this.
        package var maximumEjection: Duration = .seconds(60)
        /// An endpoint that has admitted for so long is forgiven its earlier ejections.
        package var forgiveness: Duration = .seconds(60)
        /// The pause after a first probe that failed; each further one is twice as long,
        package var minimumProbePause: Duration = .milliseconds(200)
        /// up to this.
        package var maximumProbePause: Duration = .seconds(2)

        package init() {}
    }

    package enum State: Sendable, Equatable {
        case probing(reason: String)
        case admitting
        case ejected(until: Duration, reason: String)
    }

    package enum Event: Sendable, Equatable {
        /// Server and model say that they are ready.
        case checkPassed
        /// A check was not answered.
        case checkUnanswered(reason: String)
        /// The endpoint says that it, or the model, is not ready; or serves another model than the
        /// bundle describes.
        case unfit(reason: String)
        /// A probe's chunk was run.
        case probePassed
        /// A probe's chunk was not run.
        case probeFailed(reason: String)
        case requestSucceeded
        /// A request got no answer: the connection broke, the deadline passed, the model is gone.
        case requestLost(reason: String)
        /// A request was answered with an error, and another endpoint could run the same chunk.
        case requestFailed(reason: String)
        /// Its errors are far more frequent than those of the other endpoints.
        case outlying(reason: String)
    }

    package private(set) var state = State.probing(reason: "not reached yet")
    package private(set) var ejectionCount = 0
    private var settings: Settings
    private var unansweredChecks = 0
    private var consecutiveFailures = 0
    /// Ejections, and departures soon after an admission, that are not forgiven yet.
    private var strikes = 0
    private var failedProbes = 0
    private var admittedAt: Duration?
    /// No probe's chunk before this.
    private var nextProbe = Duration.zero

    package init(_ settings: Settings) {
        self.settings = settings
    }

    package var isAdmitting: Bool { state == .admitting }

    package var isEjected: Bool {
        if case .ejected = state { true } else { false }
    }

    /// When it was admitted last; nil while it is not.
    package var admissionTime: Duration? { isAdmitting ? admittedAt : nil }

    /// Why the endpoint gets no work, or nil when it does.
    package var reason: String? {
        switch state {
        case .admitting: nil
        case .probing(let reason), .ejected(_, let reason): reason
        }
    }

    /// Whether a probe's chunk may be sent.
    package func mayProbe(at now: Duration) -> Bool {
        switch state {
        case .admitting: false
        case .probing: now >= nextProbe
        case .ejected(let until, _): now >= until
        }
    }

    /// Takes an event in.
    ///
    /// - Parameter mayEject: whether the pool can spare the endpoint; where not, it goes on
    ///   admitting however many errors it answers with.
    /// - Returns: whether the state changed.
    package mutating func handle(_ event: Event, at now: Duration, mayEject: Bool) -> Bool {
        let before = state
        if case .ejected(let until, let reason) = state, now >= until {
            state = .probing(reason: reason)
            nextProbe = now
        }
        switch (state, event) {
        case (_, .checkPassed):
            unansweredChecks = 0
        case (.admitting, .checkUnanswered(let reason)):
            unansweredChecks += 1
            if unansweredChecks >= settings.unansweredChecksToLeave { leave(reason, at: now) }
        case (.probing, .checkUnanswered(let reason)), (.probing, .unfit(let reason)):
            state = .probing(reason: reason)
        case (.admitting, .unfit(let reason)), (.admitting, .requestLost(let reason)):
            leave(reason, at: now)
        case (.probing, .probePassed):
            admit(at: now)
        case (.probing, .probeFailed(let reason)):
            state = .probing(reason: reason)
            nextProbe =
                now
                + Self.doubled(
                    settings.minimumProbePause,
                    times: failedProbes,
                    atMost: settings.maximumProbePause
                )
            failedProbes += 1
        case (.admitting, .requestSucceeded):
            consecutiveFailures = 0
        case (.admitting, .requestFailed(let reason)):
            consecutiveFailures += 1
            if consecutiveFailures >= settings.failuresToEject, mayEject {
                eject(reason, at: now)
            }
        case (.admitting, .outlying(let reason)):
            if mayEject { eject(reason, at: now) }
        case (.admitting, .probePassed), (.admitting, .probeFailed), (.ejected, _), (.probing, _):
            // What was under way when the endpoint was left says nothing new.
            break
        }
        return state != before
    }

    private mutating func admit(at now: Duration) {
        state = .admitting
        admittedAt = now
        unansweredChecks = 0
        consecutiveFailures = 0
        failedProbes = 0
    }

    /// Goes to `probing`: at once to the first probe, or after a pause when it has left before.
    private mutating func leave(_ reason: String, at now: Duration) {
        forgive(at: now)
        state = .probing(reason: reason)
        nextProbe =
            strikes == 0
            ? now
            : now
                + Self.doubled(
                    settings.minimumProbePause,
                    times: strikes - 1,
                    atMost: settings.maximumProbePause
                )
        strikes += 1
    }

    private mutating func eject(_ reason: String, at now: Duration) {
        forgive(at: now)
        let time = Self.doubled(
            settings.minimumEjection,
            times: strikes,
            atMost: settings.maximumEjection
        )
        state = .ejected(until: now + time, reason: reason)
        strikes += 1
        ejectionCount += 1
    }

    private mutating func forgive(at now: Duration) {
        if let admittedAt, now - admittedAt >= settings.forgiveness { strikes = 0 }
    }

    /// `base`, doubled so many times, at most `limit`.
    private static func doubled(
        _ base: Duration,
        times: Int,
        atMost limit: Duration
    ) -> Duration {
        var result = base
        for _ in 0..<times where result < limit { result *= 2 }
        return min(result, limit)
    }
}
