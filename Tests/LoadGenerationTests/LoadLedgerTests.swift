internal import LoadGeneration
internal import Testing

@Suite struct LoadLedgerTests {
    static func finals(_ text: String = "one") -> StreamFinals {
        StreamFinals([FinalSegment(text: text, endNanoseconds: 1, words: [], tokens: [])])
    }

    @Test func countsStreamsByTheirEnd() {
        var ledger = LoadLedger()
        for _ in 0..<6 { ledger.streamOpened(at: .zero) }
        let words = WordErrors(reference: "one two", recognised: "one")
        ledger.streamEnded(
            .completed(Self.finals(), difference: nil, words),
            recording: "a",
            at: .seconds(1)
        )
        ledger.streamEnded(
            .completed(Self.finals(), difference: "reads otherwise", nil),
            recording: "b",
            at: .seconds(2)
        )
        ledger.streamEnded(
            .completed(StreamFinals(), difference: "none came", nil),
            recording: "c",
            at: .seconds(2)
        )
        ledger.streamEnded(.refused(after: .milliseconds(4)), recording: "d", at: .seconds(3))
        ledger.streamEnded(
            .failed(code: "UNAVAILABLE", message: "gone"),
            recording: "e",
            at: .seconds(3)
        )
        ledger.streamEnded(.silent, recording: "f", at: .seconds(4))
        #expect(ledger.open == 0)
        #expect(ledger.openPeak == 6)
        #expect(ledger.completed == 3)
        #expect(ledger.finals == 2)
        #expect(ledger.differing == 1)
        #expect(ledger.withoutFinal == 1)
        #expect(ledger.refused == 1)
        #expect(ledger.failuresByCode == ["UNAVAILABLE": 1])
        #expect(ledger.silent == 1)
        #expect(ledger.words.rate == 0.5)
        #expect(
            ledger.examples.map(\.what)
                == ["reads otherwise", "ended without a final", "UNAVAILABLE: gone"]
        )
        #expect(ledger.timeline.intervals.map(\.completed) == [0, 1, 2, 0, 0])
        #expect(ledger.timeline.intervals.map(\.failed) == [0, 0, 0, 1, 0])
    }

    @Test func examplesAreBounded() {
        var ledger = LoadLedger()
        for index in 0..<100 {
            ledger.streamOpened(at: .zero)
            ledger.streamEnded(
                .failed(code: "INTERNAL", message: ""),
                recording: "\(index)",
                at: .zero
            )
        }
        #expect(ledger.failed == 100)
        #expect(ledger.examples.count == LoadLedger.maximumExamples)
    }

    @Test func aLongLoadHasNoMoreIntervalsAndLosesNothing() {
        var ledger = LoadLedger()
        let seconds = 3 * LoadTimeline.maximumIntervals + 7
        for second in 0..<seconds {
            ledger.chunkResult(.milliseconds(second % 10), at: .seconds(second))
            ledger.audioSent(seconds: 0.5, lateness: .zero, at: .seconds(second))
        }
        let timeline = ledger.timeline
        #expect(timeline.secondsPerInterval == 4)
        #expect(timeline.intervals.count == (seconds + 3) / 4)
        #expect(timeline.intervals.reduce(0) { $0 + $1.chunk.count } == seconds)
        #expect(timeline.intervals.reduce(0) { $0 + $1.audioSeconds } == Double(seconds) / 2)
        #expect(timeline.intervals.dropLast().allSatisfy { $0.chunk.count == 4 })
    }

    @Test func openStreamsStandWhereNothingHappens() {
        var ledger = LoadLedger()
        for _ in 0..<3 { ledger.streamOpened(at: .zero) }
        ledger.tick(at: .seconds(5))
        #expect(ledger.timeline.intervals.map(\.openPeak) == [3, 3, 3, 3, 3, 3])
    }

    @Test func theServersUseIsWhatWasAddedSinceTheFirstLook() {
        var ledger = LoadLedger()
        let samples = [(10.0, 100), (10.5, 300), (12.5, 200)]
        for (second, sample) in samples.enumerated() {
            ledger.serverSampled(
                ProcessUsage(cpuSeconds: sample.0, residentBytes: sample.1),
                at: .seconds(second)
            )
        }
        #expect(ledger.timeline.intervals.dropFirst().map(\.serverCPUSeconds) == [0.5, 2])
        #expect(ledger.serverResidentPeak == 300)
        #expect(ledger.serverFirst?.cpuSeconds == 10)
        #expect(ledger.serverLast?.cpuSeconds == 12.5)
    }

    @Test func recentLatenciesAreTakenOnce() {
        var ledger = LoadLedger()
        ledger.lastFinal(.milliseconds(5), at: .zero)
        #expect(ledger.takeRecent().final.count == 1)
        #expect(ledger.takeRecent().final.count == 0)
        #expect(ledger.final.count == 1)
    }
}
