internal import Fleet
internal import TestSupport
internal import Testing

/// A queue of chunks over a pool of endpoints that all admit, with nobody behind them: what a batcher
/// and a network would do is up to the test.
final class QueueStage {
    typealias ChunkID = BatchQueue.ChunkID

    /// A request under way.
    struct Request {
        var chunks: [ChunkID]
        var lease: Lease
        var timeout: Duration
    }

    private(set) var queue: BatchQueue
    private(set) var pool: EndpointPool
    private(set) var now = Duration.zero
    private(set) var requests: [Request] = []
    /// Every request that was sent.
    private(set) var history: [Request] = []
    private(set) var finished: [ChunkID] = []
    private(set) var failed: [ChunkID: FleetError] = [:]
    private(set) var splits = 0
    private var lastChunk: ChunkID = 0
    private var arrivals: [ChunkID: Duration] = [:]

    init(
        endpoints: Int = 1,
        seed: UInt64 = 1,
        _ adjust: (inout BatchQueue.Settings, inout EndpointPool.Settings) -> Void = { _, _ in }
    ) {
        var settings = BatchQueue.Settings(
            Fleet.Batching(),
            inferTimeout: .seconds(2),
            patience: .seconds(15)
        )
        var poolSettings = EndpointPool.Settings()
        adjust(&settings, &poolSettings)
        queue = BatchQueue(settings)
        pool = EndpointPool(poolSettings, seed: seed)
        _ = pool.setAddresses((0..<endpoints).map { "endpoint-\($0)" }, at: now)
        admitAll()
    }

    var settings: BatchQueue.Settings { queue.settings }
    var maximumWait: Duration { settings.batching.maximumWait }
    var wakeTime: Duration? { queue.wakeTime(pool, at: now) }
    var sizes: [Int] { requests.map(\.chunks.count) }

    /// A probe has run its chunk at every endpoint that may be probed.
    func admitAll() {
        for member in pool.members where !member.health.isAdmitting {
            if pool.beginProbe(member.id, at: now) == true {
                _ = pool.endProbe(member.id, [.probePassed], at: now)
            } else {
                _ = pool.endProbe(member.id, [], at: now)
            }
        }
        take { _, _, _ in [] }
    }

    func setAddresses(_ addresses: [String]) {
        _ = pool.setAddresses(addresses, at: now)
        take { _, _, _ in [] }
    }

    @discardableResult
    func add() -> ChunkID {
        lastChunk += 1
        arrivals[lastChunk] = now
        take { queue, _, now in
            queue.add(lastChunk, at: now)
            return []
        }
        return lastChunk
    }

    func add(_ count: Int) {
        for _ in 0..<count { add() }
    }

    func remove(_ id: ChunkID) {
        arrivals[id] = nil
        take { $0.remove(id, &$1, at: $2) }
    }

    func move(by time: Duration) {
        now += time
        take { _, _, _ in [] }
    }

    /// Moves on like a batcher, which asks the queue again when it wants to be asked.
    func pass(_ time: Duration) {
        let end = now + time
        while let next = wakeTime, next < end { move(by: max(next - now, .nanoseconds(1))) }
        move(by: end - now)
    }

    private func removeRequest(_ index: Int) -> Request { requests.remove(at: index) }

    func answer(_ index: Int = 0) {
        let request = removeRequest(index)
        take { $0.answered(request.lease, &$1, at: $2) }
    }

    func lose(_ index: Int = 0, wasCutShort: Bool = false) {
        let request = removeRequest(index)
        take {
            $0.lost(
                request.lease,
                reason: "gone",
                FleetError(.unavailable, "lost"),
                wasCutShort: wasCutShort,
                &$1,
                at: $2
            )
        }
    }

    func refuse(_ index: Int = 0) {
        let request = removeRequest(index)
        take {
            $0.refused(
                request.lease,
                reason: "no",
                FleetError(.backendFailure, "refused"),
                &$1,
                at: $2
            )
        }
    }

    private func take(
        _ event: (inout BatchQueue, inout EndpointPool, Duration) -> [BatchQueue.Action]
    ) {
        var actions = event(&queue, &pool, now)
        actions += queue.advance(&pool, at: now)
        for (place, action) in actions.enumerated() {
            switch action {
            case .send(let chunks, let lease, let timeout):
                #expect(!chunks.isEmpty && chunks.count <= settings.batching.maximumBatch)
                #expect(lease.rows == chunks.count)
                let leaves = actions[place...].contains { action in
                    guard case .changed(let changes) = action else { return false }
                    return changes.contains { change in
                        guard case .left(lease.endpoint, _) = change else { return false }
                        return true
                    }
                }
                let admits = pool.isAdmitting(lease.endpoint) || leaves
                #expect(admits, "it admitted when the request was sent")
                let request = Request(chunks: chunks, lease: lease, timeout: timeout)
                requests.append(request)
                history.append(request)
            case .finish(let chunks):
                for id in chunks { end(id) }
                finished += chunks
            case .fail(let id, let error):
                end(id)
                failed[id] = error
            case .cancel(let lease):
                #expect(requests.contains { $0.lease == lease }, "it is under way")
                requests.removeAll { $0.lease == lease }
            case .split:
                splits += 1
            case .changed:
                break
            }
        }
        check()
    }

    /// When the oldest chunk came that is open and not among these.
    func oldestUnsent(besides sent: Set<ChunkID>) -> Duration? {
        arrivals.filter { !sent.contains($0.key) }.values.min()
    }

    private func end(_ id: ChunkID) {
        arrivals[id] = nil
        #expect(failed[id] == nil && !finished.contains(id), "a chunk ends once")
    }

    /// What holds at any time.
    private func check() {
        let limit = settings.batching.maximumOutstandingRequests
        for member in pool.members {
            let count = requests.count { $0.lease.endpoint == member.id }
            #expect(member.load.outstandingRequests == count, "no lease is lost")
            #expect(count <= limit)
        }
        guard queue.statistics.waiting > 0, let wakeTime else { return }
        #expect(wakeTime > now || requests.isEmpty, "what is due is done")
    }
}
