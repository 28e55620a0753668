internal import LoadGeneration
internal import Testing

@Suite struct LoadPlanTests {
    private func plan(seed: UInt64 = 7, slots: Int = 100) -> LoadPlan {
        LoadPlan(
            slotCount: slots,
            recordingCount: 5,
            ramp: .seconds(10),
            messageDuration: .milliseconds(320),
            seed: seed
        )
    }

    @Test func slotsOpenEvenlyOverTheRamp() {
        let plan = plan()
        #expect(plan.opening(ofSlot: 0) == .zero)
        #expect(plan.opening(ofSlot: 50) == .seconds(5))
        #expect(plan.opening(ofSlot: 99) == .milliseconds(9_900))
    }

    @Test func aSeedMakesTheSameChoices() {
        for slot in 0..<10 {
            var first = plan().choices(ofSlot: slot)
            var second = plan().choices(ofSlot: slot)
            for _ in 0..<20 {
                #expect(first.recording() == second.recording())
                #expect(first.phase() == second.phase())
                #expect(first.pause(advice: nil) == second.pause(advice: nil))
            }
        }
    }

    @Test func slotsAndSeedsDiffer() {
        func phases(_ plan: LoadPlan) -> Set<Duration> {
            Set(
                (0..<100).map { slot in
                    var choices = plan.choices(ofSlot: slot)
                    return choices.phase()
                }
            )
        }
        #expect(phases(plan()).count == 100)
        #expect(phases(plan()).isDisjoint(with: phases(plan(seed: 8))))
    }

    @Test func phasesFillAMessageAndRecordingsAreAllDrawn() {
        var recordings = [Int](repeating: 0, count: 5)
        var quarters = [Int](repeating: 0, count: 4)
        for slot in 0..<100 {
            var choices = plan().choices(ofSlot: slot)
            for _ in 0..<10 {
                recordings[choices.recording()] += 1
                let phase = choices.phase()
                #expect(phase >= .zero && phase < .milliseconds(320))
                quarters[min(3, Int(phase / .milliseconds(80)))] += 1
            }
        }
        #expect(recordings.allSatisfy { (120...280).contains($0) })
        #expect(quarters.allSatisfy { (170...330).contains($0) })
    }

    @Test(arguments: [
        (Duration?.none, Duration.seconds(1)), (.milliseconds(400), .milliseconds(400)),
        (.zero, .milliseconds(100)), (.seconds(86_400), .seconds(30)),
    ])
    func pausesFollowTheAdviceWithinBounds(advice: Duration?, least: Duration) {
        var choices = plan().choices(ofSlot: 3)
        let pauses = (0..<200).map { _ in choices.pause(advice: advice) }
        #expect(pauses.allSatisfy { $0 >= least && $0 < least * 1.5 })
        #expect(Set(pauses).count > 190)
    }

    @Test func theGeneratorIsSplitMix64() {
        // The reference implementation's first numbers for the seed 1234567.
        var generator = SeededGenerator(seed: 1_234_567)
        #expect(generator.next() == 6_457_827_717_110_365_317)
        #expect(generator.next() == 3_203_168_211_198_807_973)
    }
}
