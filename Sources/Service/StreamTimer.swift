package import Recognition
internal import Synchronization

/// Finds that a stream has kept the server waiting too long.
///
/// States and transitions of ``StreamTimer/Phase``:
///
///     awaitingFirst --message came--> working --waiting again--> awaitingNext --message came--> working
///
/// and `expired` from any of them, for good. The duration of the stream as a whole is bounded in
/// every phase; waiting for the client is bounded in the two phases that wait.
package final class StreamTimer<C: Clock>: Sendable where C.Duration == Duration {
    package enum Phase: Equatable, Sendable {
        case awaitingFirst(since: C.Instant)
        case working
        case awaitingNext(since: C.Instant)
        case expired(RecognitionError)
    }

    private let limits: StreamLimits
    private let clock: C
    private let start: C.Instant
    private let phase: Mutex<Phase>

    package init(limits: StreamLimits, clock: C) {
        self.limits = limits
        self.clock = clock
        start = clock.now
        phase = Mutex(.awaitingFirst(since: start))
    }

    /// The limit that the stream has run into.
    package var expiry: RecognitionError? {
        phase.withLock { if case .expired(let error) = $0 { error } else { nil } }
    }

    package func messageCame() {
        phase.withLock { if case .expired = $0 {} else { $0 = .working } }
    }

    package func waitingForNext() {
        let now = clock.now
        phase.withLock { phase in
            if phase == .working { phase = .awaitingNext(since: now) }
        }
    }

    /// What is to be done at a point in time.
    package enum Look {
        case sleep(until: C.Instant)
        case expired(RecognitionError)
    }

    /// Expires if a limit has been reached, and otherwise says when to look again.
    package func look(at now: C.Instant) -> Look {
        phase.withLock { phase in
            let (deadline, error) = bound(of: phase, at: now)
            guard deadline <= now else { return .sleep(until: deadline) }
            phase = .expired(error)
            return .expired(error)
        }
    }

    /// Looks until a limit is reached and calls `onExpiry` then; returns early when the task is
    /// cancelled.
    package func run(onExpiry: (RecognitionError) -> Void) async {
        while true {
            switch look(at: clock.now) {
            case .expired(let error):
                return onExpiry(error)
            case .sleep(let deadline):
                guard (try? await clock.sleep(until: deadline, tolerance: nil)) != nil else {
                    return
                }
            }
        }
    }

    /// Sleeps until the client has had its time to take the last results.
    func sleepForLastResults() async throws {
        try await clock.sleep(
            until: clock.now.advanced(by: limits.lastResultTimeout),
            tolerance: nil
        )
    }

    /// When to look again at the latest, and what is wrong if the phase is still the same then.
    /// Before that, a wait for the next message may begin at any time, but it cannot end before its
    /// own timeout has passed: looking once per idle timeout finds every expiry.
    private func bound(
        of phase: Phase,
        at now: C.Instant
    ) -> (deadline: C.Instant, RecognitionError) {
        let end = start.advanced(by: limits.maximumStreamDuration)
        let overall = RecognitionError(
            .maximumDurationExceeded,
            """
            the stream has been open for \(limits.maximumStreamDuration), the longest allowed \
            (max_stream_duration); go on in a new stream
            """
        )
        let nextLook = now.advanced(by: limits.idleTimeout)
        switch phase {
        case .awaitingFirst(let since):
            let deadline = since.advanced(by: limits.firstMessageTimeout)
            return deadline < end
                ? (
                    min(nextLook, deadline),
                    RecognitionError(
                        .firstMessageTimeout,
                        """
                        no message came within \(limits.firstMessageTimeout) of the opening \
                        (first_message_timeout); send config at once
                        """
                    )
                ) : (min(nextLook, end), overall)
        case .awaitingNext(let since):
            let deadline = since.advanced(by: limits.idleTimeout)
            return deadline < end
                ? (
                    deadline,
                    RecognitionError(
                        .idleTimeout,
                        """
                        no message came for \(limits.idleTimeout) (idle_timeout); close the \
                        sending side when the audio ends, or send silence
                        """
                    )
                ) : (end, overall)
        case .working:
            return (min(nextLook, end), overall)
        case .expired(let error):
            return (start, error)
        }
    }
}
