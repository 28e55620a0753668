internal import StubEncoder
internal import TestSupport
internal import Testing

struct ScheduleTests {
    private func schedule(_ change: (inout Schedule.Settings) -> Void) -> Schedule {
        var settings = Schedule.Settings()
        settings.concurrency = 2
        settings.delay = .milliseconds(10)
        change(&settings)
        return Schedule(settings, seed: 7)
    }

    @Test
    func requestsBeyondTheConcurrencyWaitInTheirOrder() {
        var schedule = schedule { _ in }
        var ends = (0..<5).map { _ in schedule.enter(.success, rows: 1, now: .zero) }
        #expect(ends == [10, 10, 20, 20, 30].map(Duration.milliseconds))
        ends = [25, 26, 100].map { now in
            schedule.enter(.success, rows: 1, now: .milliseconds(now))
        }
        #expect(ends == [35, 40, 110].map(Duration.milliseconds))
    }

    @Test
    func aBatchTakesLongerByItsRowsAndAStallByItsOwnTime() {
        var schedule = schedule {
            $0.delayPerRow = .milliseconds(1)
            $0.stall = .seconds(1)
        }
        #expect(schedule.enter(.success, rows: 8, now: .zero) == .milliseconds(18))
        #expect(schedule.enter(.stall, rows: 1, now: .zero) == .milliseconds(1_011))
        // The stalled one holds its place.
        #expect(schedule.enter(.failure, rows: 1, now: .zero) == .milliseconds(29))
        #expect(schedule.enter(.success, rows: 1, now: .zero) == .milliseconds(40))
    }

    @Test
    func itIsFullWhenAsManyWaitAsMay() {
        var schedule = schedule { $0.maximumWaiting = 1 }
        for _ in 0..<3 {
            #expect(!schedule.isFull)
            _ = schedule.enter(.success, rows: 1, now: .zero)
        }
        #expect(schedule.isFull && schedule.underWay == 3)
        schedule.leave()
        #expect(!schedule.isFull)
    }

    @Test
    func fatesComeInTheirSharesAndAgainWithTheirSeed() {
        func draws() -> [Schedule.Fate] {
            var schedule = schedule {
                $0.errorRate = 0.2
                $0.stallRate = 0.1
            }
            return (0..<10_000).map { _ in schedule.drawFate() }
        }
        let fates = draws()
        #expect(fates == draws())
        #expect((1_900...2_100).contains(fates.count { $0 == .failure }))
        #expect((900...1_100).contains(fates.count { $0 == .stall }))
        var certain = schedule { $0.errorRate = 1 }
        #expect((0..<100).allSatisfy { _ in certain.drawFate() == .failure })
        var never = schedule { _ in }
        #expect((0..<100).allSatisfy { _ in never.drawFate() == .success })
    }

    @Test
    func jitterStaysInItsBounds() {
        var schedule = schedule {
            $0.concurrency = 1_000
            $0.jitter = .milliseconds(4)
        }
        let ends = (0..<1_000).map { _ in schedule.enter(.success, rows: 1, now: .zero) }
        #expect(ends.allSatisfy { (.milliseconds(6)...(.milliseconds(14))).contains($0) })
        #expect(ends.contains { $0 < .milliseconds(7) } && ends.contains { $0 > .milliseconds(13) })
    }

    /// The heap of places against a list that is searched.
    @Test
    func endsAreThoseOfAListOfPlaces() {
        var random = SplitMix64.announced()
        for concurrency in [1, 2, 3, 7, 64] {
            var schedule = schedule { $0.concurrency = concurrency }
            var places = [Duration](repeating: .zero, count: concurrency)
            var now = Duration.zero
            for _ in 0..<500 {
                now += .microseconds(Int.random(in: 0...20_000 / concurrency, using: &random))
                let fate: Schedule.Fate = Bool.random(using: &random) ? .success : .stall
                let first = places.indices.min { places[$0] < places[$1] }!
                let time = Duration.milliseconds(10) + (fate == .stall ? .seconds(10) : .zero)
                places[first] = max(now, places[first]) + time
                #expect(schedule.enter(fate, rows: 1, now: now) == places[first])
            }
        }
    }
}
