internal import Fleet
internal import TestSupport
internal import Testing

/// Which chunks share a request, and when it goes where.
@Suite struct BatchQueueTests {
    // MARK: Waiting

    @Test func aChunkDoesNotWaitForAnIdleEndpoint() {
        let stage = QueueStage(endpoints: 2)
        stage.add(2)
        #expect(stage.sizes == [1, 1])
        #expect(Set(stage.requests.map(\.lease.endpoint)).count == 2)
        #expect(stage.wakeTime == nil, "nothing to do until an answer comes")
    }

    @Test func chunksWaitForABusyEndpointTogether() {
        let stage = QueueStage()
        stage.add(1)
        stage.move(by: .milliseconds(1))
        stage.add(1)
        stage.move(by: .milliseconds(1))
        stage.add(2)
        #expect(stage.sizes == [1])
        #expect(stage.wakeTime == .milliseconds(1) + stage.maximumWait)
        stage.move(by: stage.maximumWait - .milliseconds(1))
        #expect(stage.requests.map(\.chunks) == [[1], [2, 3, 4]])
    }

    @Test func anAnswerSendsWhatWaits() {
        let stage = QueueStage()
        stage.add(4)
        stage.answer()
        #expect(stage.finished == [1])
        #expect(stage.requests.map(\.chunks) == [[2, 3, 4]])
    }

    @Test func aFullBatchDoesNotWait() {
        let stage = QueueStage { settings, _ in settings.batching.maximumBatch = 3 }
        stage.add(4)
        #expect(stage.requests.map(\.chunks) == [[1], [2, 3, 4]])
        stage.add(4)
        #expect(stage.sizes == [1, 3], "no endpoint has more than two requests")
        stage.pass(.seconds(1))
        #expect(stage.sizes == [1, 3], "however long it takes")
        stage.answer()
        #expect(stage.requests.map(\.chunks) == [[2, 3, 4], [5, 6, 7]])
    }

    @Test func theOldestGoFirst() {
        let stage = QueueStage { settings, _ in settings.batching.maximumBatch = 2 }
        stage.add(7)
        while !stage.requests.isEmpty { stage.answer() }
        #expect(stage.finished == Array(1...7))
    }

    @Test func nothingIsSentWhileNoEndpointAdmits() {
        let stage = QueueStage()
        stage.add(1)
        stage.lose()
        stage.add(1)
        #expect(stage.requests.isEmpty)
        #expect(stage.wakeTime == stage.settings.patience)
        stage.move(by: .seconds(1))
        stage.admitAll()
        #expect(stage.requests.map(\.chunks) == [[1], [2]], "what was lost goes first")
    }

    @Test func patienceEnds() {
        let stage = QueueStage()
        stage.add(1)
        stage.lose()
        stage.move(by: .seconds(1))
        stage.add(1)
        stage.pass(stage.settings.patience - .seconds(1))
        #expect(stage.failed == [1: FleetError(.unavailable, "lost")])
        stage.pass(.seconds(1))
        #expect(stage.failed[2]?.kind == .unavailable)
        #expect(
            stage.failed[2]?.message
                == "no inference server is ready to run it (endpoint-0: gone)"
        )
        #expect(stage.queue.isEmpty)
        #expect(stage.wakeTime == nil)
    }

    @Test func patienceEndsAtABusyEndpointToo() {
        let stage = QueueStage { settings, _ in
            settings.batching.maximumOutstandingRequests = 1
        }
        stage.add(2)
        stage.pass(stage.settings.patience)
        #expect(stage.failed.keys.sorted() == [2])
        #expect(stage.failed[2]?.message.hasPrefix("no inference server had room") == true)
    }

    /// A request takes no longer than its chunks can still wait, which then says nothing about its
    /// endpoint.
    @Test func aRequestTakesNoLongerThanIsLeft() {
        let stage = QueueStage()
        stage.add(1)
        #expect(stage.requests[0].timeout == stage.settings.inferTimeout)
        stage.lose()
        stage.pass(stage.settings.patience - .milliseconds(300))
        stage.admitAll()
        #expect(stage.requests[0].timeout == .milliseconds(300))
        stage.move(by: .milliseconds(300))
        stage.lose(wasCutShort: true)
        #expect(stage.pool.hasAdmitting)
        #expect(stage.failed.keys.sorted() == [1])
    }

    // MARK: Faults

    @Test func aLostBatchGoesElsewhereAsItWas() {
        let stage = QueueStage(endpoints: 2)
        stage.add(2)
        stage.add(3)
        stage.move(by: stage.maximumWait)
        #expect(stage.sizes == [1, 1, 3])
        let lost = stage.requests[2]
        stage.lose(2)
        #expect(stage.requests.last?.chunks == lost.chunks)
        #expect(stage.requests.last?.lease.endpoint != lost.lease.endpoint)
        #expect(!stage.pool.isAdmitting(lost.lease.endpoint))
        #expect(stage.splits == 0)
    }

    /// Whatever brings endpoints down does so alone in the end.
    @Test func aBatchThatIsLostAgainGoesOnInHalves() {
        let stage = QueueStage(endpoints: 3) { settings, _ in
            settings.batching.maximumOutstandingRequests = 1
        }
        stage.add(3)
        stage.add(4)
        stage.answer()
        #expect(stage.sizes == [1, 1, 4])
        stage.lose(2)
        stage.answer()
        #expect(stage.sizes == [1, 4])
        stage.lose(1)
        #expect(stage.splits == 1)
        stage.answer()
        #expect(stage.sizes == [2])
        stage.answer()
        #expect(stage.sizes == [2])
    }

    @Test(arguments: [1, 2, 3, 5])
    func oneBadChunkFailsAlone(_ endpoints: Int) {
        let stage = QueueStage(endpoints: endpoints) { _, pool in
            pool.retries.minimumRate = 1000
        }
        stage.add(endpoints)
        stage.add(20)
        let bad = QueueStage.ChunkID(endpoints + 7)
        for _ in 0..<1000 where !stage.queue.isEmpty {
            if stage.requests.isEmpty {
                stage.admitAll()
                stage.pass(.milliseconds(100))
                continue
            }
            let isBad = stage.requests[0].chunks.contains(bad)
            if isBad { stage.refuse() } else { stage.answer() }
        }
        #expect(stage.failed == [bad: FleetError(.backendFailure, "refused")])
        #expect(stage.finished.count == endpoints + 19)
        #expect(stage.pool.members.allSatisfy { $0.health.isAdmitting }, "nobody is blamed")
        let alone = stage.history.count { $0.chunks == [bad] }
        #expect(alone == BatchQueue.maximumRefusals)
    }

    /// An endpoint that refuses what another one runs is left.
    @Test func whoRefusesWhatOthersRunIsBlamed() {
        let stage = QueueStage(endpoints: 2) { settings, _ in
            settings.batching.maximumOutstandingRequests = 1
        }
        let sick = stage.pool.members[0].id
        for _ in 0..<100 where stage.pool.isAdmitting(sick) {
            stage.add(3)
            while !stage.requests.isEmpty {
                if stage.requests[0].lease.endpoint == sick {
                    stage.refuse()
                } else {
                    stage.answer()
                }
            }
        }
        #expect(!stage.pool.isAdmitting(sick))
        #expect(stage.pool.member(sick)?.health.ejectionCount == 1)
        #expect(stage.failed.isEmpty)
        #expect(stage.splits == 0, "another endpoint settles it")
    }

    /// A single chunk that every endpoint refuses, while none has run anything since, has them
    /// probed.
    @Test func whoeverOnlyRefusesIsProbed() {
        let stage = QueueStage(endpoints: 2)
        stage.add(1)
        stage.refuse()
        stage.refuse()
        #expect(!stage.pool.hasAdmitting)
        #expect(stage.requests.isEmpty)
        stage.admitAll()
        stage.answer()
        #expect(stage.finished == [1])
    }

    @Test func aRefusedChunkWaitsForTheRetryBudget() {
        let stage = QueueStage { _, pool in
            pool.retries.share = 0
            pool.retries.minimumRate = 0.1
        }
        stage.add(1)
        stage.lose()
        stage.admitAll()
        #expect(stage.requests.count == 1, "one is saved up")
        stage.add(1)
        stage.lose()
        stage.pass(.milliseconds(500))
        stage.admitAll()
        // What never failed does not wait for the budget.
        #expect(stage.requests.map(\.chunks) == [[2]])
        let wakeTime = stage.wakeTime ?? .zero
        #expect(wakeTime > .seconds(9.99) && wakeTime < .seconds(10.01))
        stage.pass(.milliseconds(9510))
        #expect(stage.requests.map(\.chunks) == [[2], [1]])
    }

    // MARK: Cancellation

    @Test func aCancelledChunkIsForgotten() {
        let stage = QueueStage()
        stage.add(4)
        stage.remove(3)  // waits
        stage.remove(1)  // is under way alone
        #expect(stage.requests.map(\.chunks) == [[2, 4]])
        stage.remove(2)  // is under way with another
        stage.remove(2)
        #expect(stage.requests.count == 1)
        stage.answer()
        #expect(stage.finished == [4])
        #expect(stage.queue.isEmpty)
    }

    @Test func aChunkToRepeatCanBeCancelled() {
        let stage = QueueStage()
        stage.add(3)
        stage.answer()
        stage.lose()
        stage.remove(2)
        stage.admitAll()
        #expect(stage.requests.map(\.chunks) == [[3]])
        stage.lose()
        stage.remove(3)
        #expect(stage.queue.isEmpty)
        #expect(stage.wakeTime == nil)
    }

    // MARK: Hedging

    private func hedgingStage() -> QueueStage {
        let stage = QueueStage(endpoints: 2) { settings, _ in settings.isHedging = true }
        for _ in 0..<200 {
            stage.add(1)
            stage.move(by: .milliseconds(10))
            stage.answer()
        }
        return stage
    }

    @Test func aSlowRequestIsSentTwice() {
        let stage = hedgingStage()
        stage.add(1)
        stage.move(by: .milliseconds(9))
        #expect(stage.requests.count == 1)
        stage.pass(.milliseconds(3))
        #expect(stage.requests.map(\.chunks) == [[201], [201]])
        #expect(Set(stage.requests.map(\.lease.endpoint)).count == 2)
        stage.pass(.seconds(1))
        #expect(stage.requests.count == 2, "once is enough")
        stage.answer(1)
        #expect(stage.finished.last == 201)
        #expect(stage.requests.isEmpty, "the other one is cancelled")
        #expect(stage.queue.statistics.hedges == 1)
    }

    @Test func whicheverOfTwoFailsTheOtherCounts() {
        for first in [0, 1] {
            for isLost in [true, false] {
                let stage = hedgingStage()
                stage.add(1)
                stage.pass(.milliseconds(20))
                #expect(stage.requests.count == 2)
                if isLost { stage.lose(first) } else { stage.refuse(first) }
                #expect(stage.requests.count == 1)
                stage.answer()
                #expect(stage.finished.last == 201)
                #expect(stage.queue.isEmpty)
            }
        }
    }

    // MARK: Statistics

    @Test func whatHappensIsCounted() {
        let stage = QueueStage()
        stage.add(4)
        #expect(stage.queue.statistics.waiting == 3)
        stage.move(by: .milliseconds(4))
        stage.answer()
        let statistics = stage.queue.statistics
        #expect(statistics.requests == 2)
        #expect(statistics.chunks == 4)
        #expect(statistics.meanBatch == 2)
        #expect(statistics.waiting == 0)
        let wait = statistics.medianWait ?? .zero
        #expect(wait >= .milliseconds(4) && wait <= .microseconds(4500))
    }
}
