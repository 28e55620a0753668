internal import TestSupport
internal import Testing

@Suite struct FaultPlanTests {
    private static let timing = FaultPlan.Timing(
        pauseMilliseconds: 100...900,
        outageMilliseconds: 1_000...5_000,
        stall: .seconds(10)
    )

    private func plan(seed: UInt64, count: Int = 60, servers: Int = 3) -> FaultPlan {
        FaultPlan(seed: seed, count: count, servers: servers, timing: Self.timing)
    }

    @Test func isThatOfItsSeed() {
        var random = SplitMix64.announced()
        let seed = random.next()
        #expect(plan(seed: seed) == plan(seed: seed))
        #expect(plan(seed: seed) != plan(seed: seed &+ 1))
    }

    @Test func hasEachKindBeforeAnyComesAgain() {
        var random = SplitMix64.announced()
        let kinds = Fault.Kind.allCases
        let faults = plan(seed: random.next()).faults
        #expect(faults.count == 60)
        for start in stride(from: 0, to: faults.count, by: kinds.count) {
            let block = faults[start..<start + kinds.count].map(\.kind)
            #expect(Set(block) == Set(kinds))
        }
        #expect(plan(seed: random.next(), count: 7).faults.count == 7)
        #expect(plan(seed: random.next(), count: 0).faults.isEmpty)
    }

    @Test func keepsToItsTiming() {
        var random = SplitMix64.announced()
        for fault in plan(seed: random.next(), count: 500).faults {
            #expect(fault.pause >= .milliseconds(100) && fault.pause <= .milliseconds(900))
            #expect(fault.preference.sorted() == [0, 1, 2])
            switch fault.kind {
            case .stall: #expect(fault.outage == .seconds(10))
            case .restart: #expect(fault.outage == .zero)
            case .kill, .drain, .backendKill:
                #expect(fault.outage >= .seconds(1) && fault.outage <= .seconds(5))
            }
        }
    }

    @Test func hitsEveryServer() {
        var random = SplitMix64.announced()
        let targets = plan(seed: random.next(), count: 200).faults
            .compactMap { $0.target(among: [0, 1, 2]) }
        for server in 0..<3 { #expect(targets.count { $0 == server } > 200 / 6) }
    }

    @Test func leavesAHealthyServer() {
        var random = SplitMix64.announced()
        for fault in plan(seed: random.next()).faults {
            #expect(fault.target(among: []) == nil)
            for server in 0..<3 { #expect(fault.target(among: [server]) == nil) }
            for absent in 0..<3 {
                let healthy = Set(0..<3).subtracting([absent])
                let target = fault.target(among: healthy)
                #expect(target.map(healthy.contains) == true)
            }
        }
    }
}
