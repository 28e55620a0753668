internal import Fleet
internal import Testing

@Suite struct EndpointHealthTests {
    @Test func becomesReadyOnlyByAProbe() {
        let machine = Machine()
        #expect(!machine.health.isReady)
        #expect(!machine.handle(.requestFailed(reason: "late")))
        #expect(machine.health.state == .unknown)
        #expect(machine.handle(.probeSucceeded))
        #expect(machine.health.isReady)
        #expect(!machine.handle(.probeSucceeded), "no change, so nothing to tell")
    }

    @Test func isLeftWhenARequestFailsAndComesBackByAProbe() {
        let machine = Machine()
        _ = machine.handle(.probeSucceeded)
        #expect(machine.handle(.requestFailed(reason: "reset")))
        #expect(machine.health.reason == "reset")
        #expect(!machine.handle(.requestFailed(reason: "another, from before")))
        #expect(machine.health.reason == "reset")
        #expect(machine.handle(.probeSucceeded))
        #expect(machine.health.reason == nil)
    }

    @Test func isNotLeftForOneSlowAnswer() {
        let machine = Machine()
        _ = machine.handle(.probeSucceeded)
        for _ in 0..<2 {
            #expect(!machine.handle(.probeFailed(reason: "slow")))
            #expect(!machine.handle(.probeFailed(reason: "slow")))
            #expect(machine.health.isReady)
            #expect(!machine.handle(.probeSucceeded))
        }
        #expect(!machine.handle(.probeFailed(reason: "slow")))
        #expect(!machine.handle(.probeFailed(reason: "slow")))
        #expect(machine.handle(.probeFailed(reason: "gone")))
        #expect(machine.health.reason == "gone")
    }

    @Test func isLeftAtOnceWhenItSaysThatItIsNotReady() {
        let machine = Machine()
        _ = machine.handle(.probeSucceeded)
        #expect(machine.handle(.notReady(reason: "draining")))
        #expect(machine.health.reason == "draining")
    }

    @Test func staysAwayFromAModelThatDoesNotFit() {
        let machine = Machine()
        #expect(machine.handle(.mismatchFound(reason: "input \"x\" is missing")))
        #expect(machine.health.state == .incompatible(reason: "input \"x\" is missing"))
        #expect(!machine.handle(.requestFailed(reason: "reset")))
        #expect(machine.handle(.probeFailed(reason: "gone")))
        #expect(machine.health.state == .unready(reason: "gone"))
    }
}

/// The machine where an expectation can drive it.
private final class Machine {
    var health = EndpointHealth(probeFailuresToLeave: 3)

    func handle(_ event: EndpointHealth.Event) -> Bool { health.handle(event) }
}
