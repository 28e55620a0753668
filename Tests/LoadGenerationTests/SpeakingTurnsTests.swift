internal import LoadGeneration
internal import TestSupport
internal import Testing

@Suite struct SpeakingTurnsTests {
    @Test func whoArrivesFirstSpeaksAndOthersWait() {
        var turns = SpeakingTurns(limit: 2, seed: 1)
        let arrivals = (0..<4).map { turns.arrive($0) }
        #expect(arrivals == [.speaks, .speaks, .waits, .waits])
        let next = turns.leave()
        #expect(next == 2 || next == 3)
        let after = turns.leave()
        #expect(after == 5 - (next ?? 0))
        let none = turns.leave()
        #expect(none == nil)
        let arrival = turns.arrive(9)
        #expect(arrival == .speaks)
    }

    @Test func whoWithdrawsGetsNoTurn() {
        var turns = SpeakingTurns(limit: 1, seed: 1)
        _ = turns.arrive(0)
        _ = turns.arrive(1)
        let waited = turns.withdraw(1)
        #expect(waited)
        let next = turns.leave()
        #expect(next == nil)
        // Before it arrives: the arrival is turned away, but that of a new stream is not.
        let waitedEarly = turns.withdraw(2)
        #expect(!waitedEarly)
        let arrival = turns.arrive(2)
        #expect(arrival == .turnedAway)
        let late = turns.withdraw(3)
        #expect(!late)
        turns.begin(3)
        let another = turns.arrive(3)
        #expect(another == .speaks)
    }

    @Test func nobodySpeaksAfterTheEndAndWhoWaitsIsDismissed() {
        var turns = SpeakingTurns(limit: 1, seed: 1)
        for slot in 0..<4 { _ = turns.arrive(slot) }
        turns.end()
        let next = turns.leave()
        #expect(next == nil)
        let arrival = turns.arrive(5)
        #expect(arrival == .turnedAway)
        #expect(turns.waitingCount == 3)
        #expect(Set(turns.dismiss()) == [1, 2, 3])
        #expect(turns.waitingCount == 0)
    }

    @Test func theLimitHoldsWhateverHappens() {
        var generator = SplitMix64.announced()
        for round in 0..<200 {
            let limit = Int.random(in: 1...5, using: &generator)
            var turns = SpeakingTurns(limit: limit, seed: UInt64(round))
            var (waiting, speaking): (Set<Int>, Set<Int>) = ([], [])
            for _ in 0..<300 {
                let slot = Int.random(in: 0..<12, using: &generator)
                if speaking.contains(slot) {
                    speaking.remove(slot)
                    let next = turns.leave()
                    #expect((next == nil) == waiting.isEmpty)
                    if let next {
                        #expect(waiting.remove(next) != nil)
                        speaking.insert(next)
                    }
                } else if waiting.contains(slot) {
                    let waited = turns.withdraw(slot)
                    #expect(waited)
                    waiting.remove(slot)
                } else {
                    turns.begin(slot)
                    let arrival = turns.arrive(slot)
                    #expect(arrival == (speaking.count < limit ? .speaks : .waits))
                    if arrival == .speaks { speaking.insert(slot) } else { waiting.insert(slot) }
                }
                #expect(speaking.count <= limit)
            }
        }
    }

    @Test func turnsMoveAmongAll() {
        var turns = SpeakingTurns(limit: 1, seed: 42)
        for slot in 0..<20 { _ = turns.arrive(slot) }
        var current = 0
        var spoke: Set<Int> = [0]
        for _ in 0..<200 {
            guard let next = turns.leave() else { break }
            spoke.insert(next)
            turns.begin(current)
            _ = turns.arrive(current)
            current = next
        }
        #expect(spoke.count == 20)
    }
}
