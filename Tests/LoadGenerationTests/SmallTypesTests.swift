internal import LoadGeneration
internal import TestSupport
internal import Testing

@Suite struct DeadlineQueueTests {
    @Test func elementsComeOutWhenTheyAreDueAndInOrder() {
        var generator = SplitMix64.announced()
        var queue = DeadlineQueue<Int, Int>()
        var pending: [Int] = []
        var now = 0
        for _ in 0..<2_000 {
            if Bool.random(using: &generator) {
                let deadline = now + Int.random(in: 0..<50, using: &generator)
                queue.insert(deadline, due: deadline)
                pending.append(deadline)
            } else {
                now += Int.random(in: 0..<10, using: &generator)
                var due: [Int] = []
                while let element = queue.popDue(at: now) { due.append(element) }
                #expect(due == pending.filter { $0 <= now }.sorted())
                pending.removeAll { $0 <= now }
            }
            #expect(queue.count == pending.count)
        }
        #expect(queue.removeAll().sorted() == pending.sorted())
        #expect(queue.isEmpty)
    }
}

@Suite struct MessageCutTests {
    private let cut = MessageCut(
        sampleCount: 16_000,
        sampleRateHertz: 16_000,
        messageMilliseconds: 320
    )

    @Test func messagesPartTheRecording() {
        #expect(cut.messageCount == 4)
        #expect(cut.samples(ofMessage: 0) == 0..<5_120)
        #expect(cut.samples(ofMessage: 3) == 15_360..<16_000)
        #expect(cut.end(ofMessage: 0) == .milliseconds(320))
        #expect(cut.end(ofMessage: 3) == .seconds(1))
    }

    @Test(arguments: [
        (0, 0), (1, 0), (320_000_000, 0), (320_062_500, 1), (640_000_000, 1), (999_937_500, 3),
    ])
    func findsTheMessageThatAResultNeeded(nanoseconds: Int64, message: Int) {
        #expect(cut.message(holdingEndOf: nanoseconds) == message)
    }

    @Test(arguments: [1_000_000_000, 1_000_000_001, Int64.max])
    func theEndOfTheAudioIsNoMessage(nanoseconds: Int64) {
        #expect(cut.message(holdingEndOf: nanoseconds) == nil)
    }

    @Test func timesRoundedToTheNanosecondFindTheirSample() {
        let odd = MessageCut(
            sampleCount: 44_100,
            sampleRateHertz: 44_100,
            messageMilliseconds: 20
        )
        for index in 0..<odd.messageCount - 1 {
            let samples = odd.samples(ofMessage: index).upperBound
            let nanoseconds = Int64(samples) * 1_000_000_000 / 44_100
            #expect(odd.message(holdingEndOf: nanoseconds) == index)
            #expect(odd.message(holdingEndOf: nanoseconds + 30_000) == index + 1)
        }
    }
}

@Suite struct ProcessUsageTests {
    @Test func readsAProcessWithAnOddName() {
        let stat =
            "7 (a) S (b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 100 1000000 300 "
            + "18446744073709551615 1 1 0 0 0 0 0 0 0"
        // The name ends at the last parenthesis, and this one's is "a) S (b".
        #expect(
            ProcessUsage(stat: stat, ticksPerSecond: 100, pageBytes: 4096)
                == ProcessUsage(cpuSeconds: 3, residentBytes: 300 * 4096)
        )
        #expect(ProcessUsage(stat: "7 (a) S", ticksPerSecond: 100, pageBytes: 4096) == nil)
        #expect(ProcessUsage(stat: "", ticksPerSecond: 100, pageBytes: 4096) == nil)
    }
}
