/// Whether an endpoint may be given work, as a pure machine: events in, state out.
///
/// States and transitions:
///
///     probing ----a probe's chunk was run--------------------------------> admitting
///     admitting --a request was lost (connection, deadline, unloaded)----> probing
///     admitting --says that it is not ready, or serves another model-----> probing
///     admitting --checks unanswered, so many times in a row--------------> probing
///     admitting --suspected, and a probe's chunk was not run-------------> probing
///     admitting --answers with errors, so many in a row, or far more
///                 often than the others, and the pool allows it----------> ejected
///     ejected ----its time is over, a check is unanswered, or a request
///                 finds no other endpoint--------------------------------> probing
///
/// Every endpoint begins in `probing`. There it gets nothing but probes: whether server and model
/// are ready, whether the model is the right one, and then one chunk of no stream's, since a server
/// whose backend has died still says that it is ready. `probing` is for an endpoint that could not
/// do the work anyway; `ejected` for one that does it badly, as Envoy's outlier detection tells
/// local from external errors.
///
/// Each ejection is longer than the one before, and an endpoint that passes its probes and then
/// loses its work waits longer for each further probe; both are forgotten once it has worked well
/// for a while. Where a request waits that no endpoint that admits can run, neither counts: rather a
/// bad endpoint than none.
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
        package var maximumProbePause: Duration = .seconds(1)
        /// An endpoint that is left sooner than this after it was admitted has passed its probe for
        /// nothing: the pause before its next one begins at the minimum and doubles each time,
        package var probation: Duration = .seconds(10)
        /// up to this.
        package var maximumDistrust: Duration = .seconds(30)

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
        /// A request was answered with an error, and no endpoint could run the same chunk: a probe
        /// has to show whose fault that is. Until then the endpoint goes on admitting.
        case suspected(reason: String)
        /// Its errors are far more frequent than those of the other endpoints.
        case outlying(reason: String)
    }

    package private(set) var state = State.probing(reason: "not reached yet")
    package private(set) var ejectionCount = 0
    /// Times that it was admitted; tells what was sent since from what was sent before.
    package private(set) var admissionCount = 0
    /// Times that it was left or ejected.
    package private(set) var departureCount = 0
    /// Probes' chunks that it has run.
    package private(set) var passedProbeCount = 0
    /// Whether a probe has to show that it is not at fault.
    package private(set) var isSuspected = false
    private let settings: Settings
    private var unansweredChecks = 0
    private var consecutiveFailures = 0
    /// Ejections that are not forgiven yet.
    private var ejections = 0
    /// Departures in a row of which each came soon after an admission.
    private var hastyDepartures = 0
    private var failedProbes = 0
    private var admittedAt = Duration.zero
    private var probedAt: Duration?
    /// No probe's chunk before this,
    private var nextProbe = Duration.zero
    /// nor before this when a request waits that finds no other endpoint.
    private var nextNeededProbe = Duration.zero

    package init(_ settings: Settings) {
        self.settings = settings
    }

    package var isAdmitting: Bool { state == .admitting }

    /// Whether its time as an ejected endpoint is not over.
    package func isEjected(at now: Duration) -> Bool {
        ejectionEnd(at: now) != nil
    }

    /// Until when it is ejected; nil when it is not, or not any more.
    package func ejectionEnd(at now: Duration) -> Duration? {
        if case .ejected(let until, _) = state, now < until { until } else { nil }
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

    // MARK: Probes

    /// When a probe's chunk may be sent; nil when there is nothing to find out.
    ///
    /// - Parameter isNeeded: whether a request waits that finds no other endpoint.
    package func probeTime(isNeeded: Bool) -> Duration? {
        switch state {
        case .admitting: isSuspected ? nextProbe : nil
        case .probing: isNeeded ? nextNeededProbe : nextProbe
        case .ejected(let until, _): isNeeded ? nextNeededProbe : until
        }
    }

    /// A probe begins.
    /// - Returns: whether it may end with a chunk.
    package mutating func beginProbe(at now: Duration, isNeeded: Bool) -> Bool {
        guard let time = probeTime(isNeeded: isNeeded), now >= time else { return false }
        beginProbe(at: now)
        return true
    }

    /// A probe begins that somebody has asked for: pauses do not count.
    /// - Returns: whether it may end with a chunk.
    package mutating func beginDemandedProbe(at now: Duration) -> Bool {
        guard !isAdmitting || isSuspected else { return false }
        beginProbe(at: now)
        return true
    }

    private mutating func beginProbe(at now: Duration) {
        if case .ejected(_, let reason) = state { state = .probing(reason: reason) }
        probedAt = now
    }

    /// Ends an ejection before its time.
    package mutating func release(at now: Duration) {
        guard case .ejected(_, let reason) = state else { return }
        state = .probing(reason: reason)
        nextProbe = now
    }

    // MARK: Events

    /// Takes an event in.
    ///
    /// - Parameter mayEject: whether the pool can spare the endpoint; where not, it goes on
    ///   admitting however many errors it answers with.
    /// - Returns: whether the state changed.
    package mutating func handle(_ event: Event, at now: Duration, mayEject: Bool) -> Bool {
        let before = state
        if case .ejected = state, !isEjected(at: now) { release(at: now) }
        switch (state, event) {
        case (_, .checkPassed):
            unansweredChecks = 0
        case (.admitting, .checkUnanswered(let reason)):
            unansweredChecks += 1
            if unansweredChecks >= settings.unansweredChecksToLeave { leave(reason, at: now) }
        case (.admitting, .unfit(let reason)), (.admitting, .requestLost(let reason)):
            leave(reason, at: now)
        case (.admitting, .requestSucceeded):
            consecutiveFailures = 0
            // A busy server may answer its work and be late with a check.
            unansweredChecks = 0
        case (.admitting, .requestFailed(let reason)):
            consecutiveFailures += 1
            if consecutiveFailures >= settings.failuresToEject, mayEject {
                eject(reason, at: now)
            }
        case (.admitting, .outlying(let reason)):
            if mayEject { eject(reason, at: now) }
        case (.admitting, .suspected):
            suspect(at: now)
        case (.admitting, .probePassed):
            isSuspected = false
            passedProbeCount += 1
        case (.admitting, .probeFailed(let reason)):
            if isSuspected { leave(reason, at: now) }
        case (.probing, .probePassed):
            admit(at: now)
        case (.probing, .checkUnanswered(let reason)), (.probing, .unfit(let reason)),
            (.probing, .probeFailed(let reason)):
            state = .probing(reason: reason)
            pause(times: failedProbes, at: now)
            failedProbes += 1
        case (.ejected, .checkUnanswered(let reason)):
            // It is gone. When it comes back it is another process, and its errors are forgotten.
            ejections = 0
            state = .probing(reason: reason)
            nextProbe = now
        case (.ejected, _), (.probing, _):
            // What was under way when the endpoint was left says nothing new.
            break
        }
        return state != before
    }

    private mutating func admit(at now: Duration) {
        state = .admitting
        admissionCount += 1
        passedProbeCount += 1
        admittedAt = now
        unansweredChecks = 0
        consecutiveFailures = 0
        failedProbes = 0
    }

    /// The first time at once to a probe; not sooner than the shortest pause after another one, so
    /// that a stream whose chunks fail everywhere does not keep the servers busy with probes.
    private mutating func suspect(at now: Duration) {
        guard !isSuspected else { return }
        isSuspected = true
        nextProbe = max(now, probedAt.map { $0 + settings.minimumProbePause } ?? now)
    }

    /// Goes to `probing`: at once to the first probe, or after a pause when it was admitted for
    /// nothing.
    private mutating func leave(_ reason: String, at now: Duration) {
        depart()
        state = .probing(reason: reason)
        if now - admittedAt >= settings.probation { hastyDepartures = 0 }
        if hastyDepartures == 0 {
            nextProbe = now
            nextNeededProbe = now
        } else {
            pause(
                times: hastyDepartures - 1,
                atMost: settings.maximumDistrust,
                at: now
            )
        }
        hastyDepartures += 1
    }

    private mutating func eject(_ reason: String, at now: Duration) {
        depart()
        if now - admittedAt >= settings.forgiveness { ejections = 0 }
        let time = Self.doubled(
            settings.minimumEjection,
            times: ejections,
            atMost: settings.maximumEjection
        )
        state = .ejected(until: now + time, reason: reason)
        nextNeededProbe = now
        ejections += 1
        ejectionCount += 1
    }

    private mutating func depart() {
        departureCount += 1
        isSuspected = false
    }

    private mutating func pause(times: Int, atMost limit: Duration? = nil, at now: Duration) {
        func pause(atMost limit: Duration) -> Duration {
            Self.doubled(settings.minimumProbePause, times: times, atMost: limit)
        }
        nextProbe = now + pause(atMost: limit ?? settings.maximumProbePause)
        nextNeededProbe = now + pause(atMost: settings.maximumProbePause)
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
