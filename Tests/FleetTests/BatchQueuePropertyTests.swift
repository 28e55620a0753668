internal import Fleet
internal import TestSupport
internal import Testing

/// What holds of a queue of chunks whatever happens, tried with faults of every kind. ``QueueStage``
/// checks that every chunk ends once, that no batch is too large, that leases are given back and that
/// requests go only to endpoints that admit.
@Suite struct BatchQueuePropertyTests {
    @Test func everyChunkEndsOnceWhateverHappens() {
        var seeds = SplitMix64.announced()
        for _ in 0..<400 {
            var random = SplitMix64(seed: seeds.next())
            simulate(&random)
        }
    }

    private func simulate(_ random: inout SplitMix64) {
        let endpoints = Int.random(in: 1...4, using: &random)
        let addresses = (0..<endpoints).map { "endpoint-\($0)" }
        let stage = QueueStage(endpoints: endpoints, seed: random.next()) { settings, pool in
            settings.batching.maximumBatch = Int.random(in: 1...8, using: &random)
            settings.batching.maximumWait = .milliseconds(Int.random(in: 0...10, using: &random))
            settings.batching.maximumOutstandingRequests = Int.random(in: 1...3, using: &random)
            settings.isHedging = Bool.random(using: &random)
            pool.retries.minimumRate = Double.random(in: 1...1000, using: &random)
        }
        var open: Set<QueueStage.ChunkID> = []
        var bad: Set<QueueStage.ChunkID> = []
        var cancelled: Set<QueueStage.ChunkID> = []
        var last: QueueStage.ChunkID = 0
        let isCalm = Int.random(in: 0..<4, using: &random) == 0

        func end() {
            open.subtract(stage.finished)
            open.subtract(stage.failed.keys)
        }
        for _ in 0..<300 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<8:
                last = stage.add()
                open.insert(last)
                if !isCalm, Int.random(in: 0..<30, using: &random) == 0 { bad.insert(last) }
            case 8..<11:
                stage.pass(.microseconds(Int.random(in: 0...5000, using: &random)))
            case 11:
                stage.admitAll()
            case 12:
                if let id = open.sorted().randomElement(using: &random) {
                    open.remove(id)
                    cancelled.insert(id)
                    stage.remove(id)
                }
            case 13:
                if !isCalm, Int.random(in: 0..<5, using: &random) == 0 {
                    let count = Int.random(in: 1...endpoints, using: &random)
                    stage.setAddresses(Array(addresses.shuffled(using: &random).prefix(count)))
                }
            default:
                guard let index = stage.requests.indices.randomElement(using: &random) else {
                    continue
                }
                let fate = isCalm ? 99 : Int.random(in: 0..<100, using: &random)
                if fate < 4 {
                    stage.lose(index)
                } else if fate < 8 || !bad.isDisjoint(with: stage.requests[index].chunks) {
                    stage.refuse(index)
                } else {
                    stage.answer(index)
                }
            }
            end()
            checkWaiting(stage)
        }
        // From here on all is well, and everything ends.
        stage.setAddresses(addresses)
        for _ in 0..<10_000 where !stage.queue.isEmpty {
            stage.admitAll()
            if stage.requests.isEmpty {
                stage.pass(.milliseconds(50))
            } else if bad.isDisjoint(with: stage.requests[0].chunks) {
                stage.answer()
            } else {
                stage.refuse()
            }
        }
        end()
        #expect(open.isEmpty)
        #expect(stage.queue.isEmpty && stage.requests.isEmpty)
        #expect(stage.queue.statistics.waiting == 0)
        #expect(stage.wakeTime == nil)
        #expect(bad.isDisjoint(with: stage.finished))
        #expect(cancelled.isDisjoint(with: stage.finished))
        if isCalm { #expect(stage.failed.isEmpty) }
        // Each chunk's first request leaves in the order of arrival.
        var seen: Set<QueueStage.ChunkID> = []
        let firsts = stage.history.flatMap(\.chunks).filter { seen.insert($0).inserted }
        #expect(firsts == firsts.sorted())
    }

    /// None waits while an endpoint is idle, nor longer than the maximum while one has room.
    private func checkWaiting(_ stage: QueueStage) {
        let seen = Set(stage.history.flatMap(\.chunks))
        guard let oldest = stage.oldestUnsent(besides: seen) else { return }
        #expect(!stage.pool.hasRoom(below: 1))
        let limit = stage.settings.batching.maximumOutstandingRequests
        if stage.pool.hasRoom(below: limit) {
            #expect(stage.now - oldest < stage.maximumWait)
        }
    }
}
