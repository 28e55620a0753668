internal import Fleet
internal import Testing

/// The health machine by its events: what it makes of each, in which state, at which time.
@Suite struct EndpointHealthTests {
    // MARK: Probing

    @Test func becomesReadyOnlyByAChunk() {
        let machine = Machine()
        #expect(machine.health.reason == "not reached yet")
        #expect(machine.mayProbe)
        for event in [
            EndpointHealth.Event.checkPassed, .requestSucceeded, .requestFailed(reason: "late"),
            .requestLost(reason: "late"), .outlying(reason: "late"), .suspected(reason: "late"),
        ] {
            #expect(!machine.handle(event))
            #expect(machine.health.state == .probing(reason: "not reached yet"))
        }
        #expect(machine.handle(.probePassed))
        #expect(machine.health.isAdmitting)
        #expect(machine.health.reason == nil)
        #expect(!machine.mayProbe)
        #expect(!machine.handle(.checkPassed), "no change, so nothing to tell")
    }

    @Test func saysWhyItIsNotUsed() {
        let machine = Machine()
        #expect(machine.handle(.checkUnanswered(reason: "refused")))
        #expect(machine.health.reason == "refused")
        #expect(machine.handle(.unfit(reason: "input \"x\" is missing")))
        #expect(machine.health.reason == "input \"x\" is missing")
        #expect(machine.handle(.probeFailed(reason: "no memory")))
        #expect(machine.health.reason == "no memory")
    }

    // MARK: Lost

    @Test func isLeftForARequestThatIsLostAndComesBackByAChunk() {
        let machine = Machine(admitted: true)
        #expect(machine.handle(.requestLost(reason: "reset")))
        #expect(machine.health.state == .probing(reason: "reset"))
        #expect(!machine.handle(.requestLost(reason: "another, from before")))
        #expect(!machine.handle(.requestSucceeded), "nor does a late success bring it back")
        #expect(machine.health.reason == "reset")
        #expect(machine.mayProbe, "at once")
        #expect(machine.handle(.probePassed))
    }

    @Test func isLeftAtOnceWhenItSaysThatItIsNotReady() {
        let machine = Machine(admitted: true)
        #expect(machine.handle(.unfit(reason: "draining")))
        #expect(machine.health.state == .probing(reason: "draining"))
    }

    @Test func isNotLeftForOneSlowAnswer() {
        let machine = Machine(admitted: true)
        for _ in 0..<2 {
            #expect(!machine.handle(.checkUnanswered(reason: "slow")))
            #expect(!machine.handle(.checkUnanswered(reason: "slow")))
            #expect(machine.health.isAdmitting)
            #expect(!machine.handle(.checkPassed))
        }
        #expect(!machine.handle(.checkUnanswered(reason: "slow")))
        #expect(!machine.handle(.checkUnanswered(reason: "slow")))
        #expect(machine.handle(.checkUnanswered(reason: "gone")))
        #expect(machine.health.state == .probing(reason: "gone"))
    }

    // MARK: Ejected

    @Test func isEjectedForFailuresInARow() {
        let machine = Machine(admitted: true)
        for _ in 0..<2 {
            #expect(!machine.handle(.requestFailed(reason: "no")))
            #expect(!machine.handle(.requestFailed(reason: "no")))
            #expect(!machine.handle(.requestSucceeded))
        }
        machine.fail(2)
        #expect(machine.health.isAdmitting)
        #expect(machine.handle(.requestFailed(reason: "no memory")))
        #expect(
            machine.health.state == .ejected(until: machine.now + .seconds(1), reason: "no memory")
        )
        #expect(machine.health.ejectionCount == 1)
        #expect(!machine.mayProbe)
        machine.now += .milliseconds(999)
        #expect(!machine.mayProbe)
        #expect(!machine.handle(.probePassed), "a probe that was under way says nothing new")
        machine.now += .milliseconds(1)
        #expect(!machine.health.isEjected(at: machine.now), "though nothing has happened yet")
        #expect(machine.mayProbe)
        #expect(machine.handle(.probePassed))
        #expect(machine.health.isAdmitting)
    }

    /// The others may fail while one is ejected: rather a bad endpoint than none.
    @Test func isProbedBeforeItsTimeWhenNoneAdmits() {
        let machine = Machine(admitted: true)
        machine.fail(3)
        #expect(machine.health.isEjected(at: machine.now))
        #expect(!machine.beginProbe(isNeeded: false))
        #expect(machine.health.probeTime(isNeeded: true) == machine.now)
        #expect(machine.beginProbe(isNeeded: true))
        #expect(machine.health.state == .probing(reason: "no"))
        #expect(machine.handle(.probePassed))
    }

    @Test func isReleasedWhenTooManyAreEjected() {
        let machine = Machine(admitted: true)
        machine.fail(3)
        machine.health.release(at: machine.now)
        #expect(machine.health.state == .probing(reason: "no"))
        #expect(machine.mayProbe)
    }

    @Test func isKeptWhenItCannotBeSpared() {
        let machine = Machine(admitted: true)
        machine.mayEject = false
        machine.fail(100)
        #expect(!machine.handle(.outlying(reason: "worse than others")))
        #expect(machine.health.isAdmitting)
        machine.mayEject = true
        #expect(machine.handle(.outlying(reason: "worse than others")))
        #expect(machine.health.isEjected(at: machine.now))
    }

    // MARK: Suspected

    @Test func aSuspectGoesOnUntilAProbeFails() {
        let machine = Machine(admitted: true)
        #expect(!machine.handle(.probeFailed(reason: "from before")), "nobody has asked")
        #expect(!machine.handle(.suspected(reason: "no")))
        #expect(machine.health.isAdmitting)
        #expect(machine.health.isSuspected)
        #expect(machine.mayProbe)
        let passed = machine.health.passedProbeCount
        #expect(!machine.handle(.probePassed))
        #expect(machine.health.passedProbeCount == passed + 1)
        #expect(!machine.health.isSuspected)
        #expect(!machine.mayProbe)

        machine.handle(.suspected(reason: "no"))
        #expect(machine.handle(.probeFailed(reason: "no backend")))
        #expect(machine.health.state == .probing(reason: "no backend"))
        #expect(!machine.health.isSuspected)
    }

    /// A stream whose chunks fail everywhere does not keep the servers busy with probes.
    @Test func suspicionIsProbedNoMoreThanSoOften() {
        let machine = Machine(admitted: true)
        var probes = 0
        for _ in 0..<200 {
            machine.handle(.suspected(reason: "no"))
            if machine.beginProbe(isNeeded: false) {
                probes += 1
                machine.handle(.probePassed)
            }
            machine.now += .milliseconds(10)
        }
        #expect(probes == 10, "in two seconds")
    }

    // MARK: Pauses

    @Test func ejectionsGrowAndAreForgiven() {
        let machine = Machine(admitted: true)
        var times: [Duration] = []
        for _ in 0..<9 {
            machine.fail(3)
            guard case .ejected(let until, _) = machine.health.state else {
                Issue.record("not ejected")
                return
            }
            times.append(until - machine.now)
            machine.now = until
            #expect(machine.handle(.probePassed))
        }
        #expect(times == [1, 2, 4, 8, 16, 32, 60, 60, 60].map(Duration.seconds))
        #expect(machine.health.ejectionCount == 9)
        machine.now += .milliseconds(59_999)
        let forgiving = machine.health
        machine.fail(3)
        #expect(
            machine.health.state == .ejected(until: machine.now + .seconds(60), reason: "no")
        )
        machine.health = forgiving
        machine.now += .milliseconds(1)
        machine.fail(3)
        #expect(
            machine.health.state == .ejected(until: machine.now + .seconds(1), reason: "no")
        )
    }

    @Test(arguments: [
        EndpointHealth.Event.probeFailed(reason: "no"), .unfit(reason: "no"),
        .checkUnanswered(reason: "no"),
    ])
    func probesThatFailAreSpacedMoreAndMore(_ event: EndpointHealth.Event) {
        let machine = Machine()
        var pauses: [Duration] = []
        for _ in 0..<6 {
            machine.handle(event)
            let failed = machine.now
            while !machine.mayProbe { machine.now += .milliseconds(100) }
            pauses.append(machine.now - failed)
        }
        #expect(pauses == [200, 400, 800, 1000, 1000, 1000].map(Duration.milliseconds))
    }

    /// An endpoint that passes its probes and loses its work gets less and less of it, unless there
    /// is no other.
    @Test func aLiarIsProbedLater() {
        let machine = Machine(admitted: true)
        var pauses: [Duration] = []
        var neededPauses: [Duration] = []
        for _ in 0..<11 {
            machine.handle(.requestLost(reason: "reset"))
            pauses.append((machine.health.probeTime(isNeeded: false) ?? .zero) - machine.now)
            neededPauses.append((machine.health.probeTime(isNeeded: true) ?? .zero) - machine.now)
            machine.now += pauses.last ?? .zero
            #expect(machine.handle(.probePassed))
        }
        #expect(
            pauses
                == [0, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]
                .map(Duration.milliseconds)
        )
        #expect(
            neededPauses
                == [0, 200, 400, 800, 1000, 1000, 1000, 1000, 1000, 1000, 1000]
                .map(Duration.milliseconds)
        )
        machine.now += .seconds(10)
        machine.handle(.requestLost(reason: "reset"))
        #expect(machine.mayProbe, "it has worked well for long enough")
    }
}

/// The machine where an expectation can drive it.
private final class Machine {
    var health = EndpointHealth(EndpointHealth.Settings())
    var now = Duration.seconds(1000)
    var mayEject = true

    init(admitted: Bool = false) {
        if admitted { handle(.probePassed) }
    }

    var mayProbe: Bool { health.probeTime(isNeeded: false).map { now >= $0 } ?? false }

    func beginProbe(isNeeded: Bool) -> Bool { health.beginProbe(at: now, isNeeded: isNeeded) }

    @discardableResult
    func handle(_ event: EndpointHealth.Event) -> Bool {
        health.handle(event, at: now, mayEject: mayEject)
    }

    func fail(_ count: Int) {
        for _ in 0..<count { handle(.requestFailed(reason: "no")) }
    }
}
