internal import StubEncoder
internal import TestSupport
internal import Testing

struct AlarmTests {
    @Test
    func tasksOfAMillisecondShareATimer() async throws {
        let clock = ManualClock()
        let alarm = Alarm(clock)
        let woken = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for time in [1_001, 1_200, 2_000, 2_001] {
                group.addTask {
                    try await alarm.wait(until: .microseconds(time))
                    woken.add()
                }
            }
            await clock.sleepersArrived(2)
            clock.advance(by: .milliseconds(2))
            await woken.reached(3)
            #expect(woken.count == 3)
            clock.advance(by: .milliseconds(1))
            try await group.waitForAll()
        }
        try await alarm.wait(until: .milliseconds(3))
        #expect(alarm.time == .milliseconds(3))
    }

    @Test
    func whoIsCancelledWaitsNoLonger() async throws {
        let clock = ManualClock()
        let alarm = Alarm(clock)
        let patient = Task { try await alarm.wait(until: .seconds(10)) }
        let hasty = Task { try await alarm.wait(until: .seconds(10)) }
        await clock.sleeperArrived()
        hasty.cancel()
        await #expect(throws: CancellationError.self) { try await hasty.value }
        let late = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await alarm.wait(until: .seconds(10))
        }
        await #expect(throws: CancellationError.self) { try await late.value }
        clock.advance(by: .seconds(10))
        try await patient.value
    }
}
