internal import Recognition
internal import Service
internal import TestSupport
internal import Testing

@Suite struct StreamTimerTests {
    private let clock = ManualClock()

    private func timer(
        _ change: (inout StreamLimits) -> Void = { _ in }
    ) -> StreamTimer<ManualClock> {
        var limits = StreamLimits()
        limits.firstMessageTimeout = .seconds(10)
        limits.idleTimeout = .seconds(30)
        limits.maximumStreamDuration = .seconds(100)
        change(&limits)
        return StreamTimer(limits: limits, clock: clock)
    }

    private func instant(_ seconds: Int) -> ManualClock.Instant {
        ManualClock.Instant(offset: .seconds(seconds))
    }

    /// Looks as ``StreamTimer/run(onExpiry:)`` would, after each event at its second, and gives
    /// what expired and when.
    private func expiry(
        of timer: StreamTimer<ManualClock>,
        events: [Int: () -> Void] = [:]
    ) -> (code: RecognitionError.Code, second: Int)? {
        var nextLook = instant(0)
        for second in 0...200 {
            clock.advance(by: .seconds(second) - clock.now.offset)
            events[second]?()
            guard clock.now >= nextLook else { continue }
            switch timer.look(at: clock.now) {
            case .expired(let error): return (error.code, second)
            case .sleep(let deadline): nextLook = deadline
            }
        }
        return nil
    }

    @Test func expiresWithoutAFirstMessage() throws {
        let expired = try #require(expiry(of: timer()))
        #expect(expired == (.firstMessageTimeout, 10))
    }

    @Test func expiresWhenTheNextMessageDoesNotCome() throws {
        let timer = timer()
        let expired = try #require(
            expiry(of: timer, events: [5: timer.messageCame, 7: timer.waitingForNext])
        )
        #expect(expired == (.idleTimeout, 37))
    }

    /// The wait for the first message may be the longer one; the next wait ends in its own time.
    @Test func expiresInTimeAfterALongWaitForTheFirstMessage() throws {
        let timer = timer {
            $0.firstMessageTimeout = .seconds(60)
            $0.idleTimeout = .seconds(5)
        }
        let expired = try #require(
            expiry(of: timer, events: [1: timer.messageCame, 2: timer.waitingForNext])
        )
        #expect(expired == (.idleTimeout, 7))
    }

    /// Time that the server takes for its own work is not the client's idleness.
    @Test func workIsNotIdleness() throws {
        let timer = timer()
        let expired = try #require(expiry(of: timer, events: [1: timer.messageCame]))
        #expect(expired == (.maximumDurationExceeded, 100))
    }

    @Test func aBusyStreamEndsAtItsMaximumDuration() throws {
        let timer = timer()
        var events: [Int: () -> Void] = [:]
        for second in 1...150 {
            events[second] = {
                timer.messageCame()
                timer.waitingForNext()
            }
        }
        let expired = try #require(expiry(of: timer, events: events))
        #expect(expired == (.maximumDurationExceeded, 100))
    }

    @Test func staysExpired() {
        let timer = timer()
        _ = expiry(of: timer)
        timer.messageCame()
        timer.waitingForNext()
        #expect(timer.expiry?.code == .firstMessageTimeout)
    }

    @Test func runSleepsOnItsClockAndTellsOnce() async {
        let timer = timer()
        let running = Task {
            var expired: [RecognitionError.Code] = []
            await timer.run { expired.append($0.code) }
            return expired
        }
        await clock.sleeperArrived()
        clock.advance(by: .seconds(10))
        #expect(await running.value == [.firstMessageTimeout])
    }

    @Test func runEndsWhenCancelled() async {
        let timer = timer()
        let running = Task { await timer.run { _ in Issue.record("expired") } }
        await clock.sleeperArrived()
        running.cancel()
        await running.value
        #expect(timer.expiry == nil)
    }
}
