internal import Fleet
internal import TestSupport

/// A fleet of simulated servers, driven from one event to the next: streams whose chunks take their
/// courses, checks and probes, whatever happens to the servers. Without network and real time, and
/// the same again for the same seed.
///
/// It keeps books of its own, from the changes that the pool tells, and compares.
struct FleetSimulation {
    struct Parameters {
        var streamCount = 8
        var chunksPerStream = 30
        /// Between a chunk's end and the next one of its stream.
        var chunkPause: ClosedRange<Duration> = .milliseconds(100)...(.milliseconds(400))
        var inferTimeout = Duration.seconds(2)
        var probeTimeout = Duration.milliseconds(500)
        var patience = Duration.seconds(15)
        /// The share of chunks that no server can run.
        var poisonShare = 0.0
        /// Whether no chunk is lost for want of retries.
        var retriesSuffice = true
        var pool = EndpointPool.Settings()
    }

    enum Event {
        case chunk(stream: Int)
        /// A chunk's course is to be asked again, if that still waits for it.
        case resume(chunk: Int, turn: Int)
        case outcome(chunk: Int, turn: Int, Lease, SimulatedServer.Fate)
        case look
        case probed(EndpointID, [EndpointHealth.Event])
        /// Something that happens to the servers.
        case world(Int)
    }

    struct Chunk {
        var stream: Int
        var start: Duration
        var isPoison: Bool
        var course: RequestCourse
        /// Counts what it has waited for, so that nothing that comes late counts as timely.
        var turn = 0
        var isAwaiting = false
        var lease: Lease?
        var leaseTimeout = Duration.zero
        var leaseEnd = Duration.zero
        var refusalCount = 0
    }

    /// What became of a chunk.
    struct Ending {
        var chunk: Chunk
        var end: Duration
        var hasSucceeded: Bool
    }

    private(set) var parameters: Parameters
    private(set) var pool: EndpointPool
    var servers: [SimulatedServer] = []
    var random: SplitMix64
    private(set) var now = Duration.zero
    private(set) var violations: [String] = []
    private(set) var requestCounts: [String: Int] = [:]
    private(set) var departureCount = 0
    private(set) var firstAttemptCount = 0
    private var events = EventQueue<Event>()
    private var chunks: [Int: Chunk] = [:]
    private var nextChunk = 0
    private var chunksLeft: [Int]
    private var nextLook: Duration?

    // The books.
    private var admitting: [EndpointID] = []
    /// Probes under way, with whether they end with a chunk and whether the endpoint has left since.
    private var probes: [EndpointID: (wantsChunk: Bool, isStale: Bool)] = [:]
    /// Until when a chunk waits, or has waited, for an endpoint that does not admit yet.
    private var neededUntil = Duration.zero
    private var endedChunks = 0
    private var startedChunks = 0

    /// What happens to the servers, by number.
    var happen: (inout FleetSimulation, Int) -> Void = { _, _ in }
    /// Looks at each chunk that ended.
    var inspect: (inout FleetSimulation, Ending) -> Void = { _, _ in }

    init(_ parameters: Parameters, seed: UInt64) {
        self.parameters = parameters
        random = SplitMix64(seed: seed)
        pool = EndpointPool(parameters.pool, seed: random.next())
        chunksLeft = [Int](repeating: parameters.chunksPerStream, count: parameters.streamCount)
    }

    mutating func schedule(_ number: Int, at time: Duration) {
        events.add(.world(number), at: time)
    }

    mutating func fail(_ what: String) {
        violations.append("at \(now.seconds) s: \(what)")
    }

    // MARK: Servers

    /// The pool is told of the servers there are.
    mutating func resolve() {
        let (_, removed) = pool.setAddresses(servers.map(\.address), at: now)
        admitting.removeAll { removed.contains($0) }
        for id in removed { probes[id] = nil }
        // What was under way at those that are gone is answered or not, all the same.
        look()
    }

    private func serverIndex(of id: EndpointID) -> Int? {
        guard let address = pool.member(id)?.address else { return nil }
        return servers.firstIndex { $0.address == address }
    }

    mutating func set(_ condition: SimulatedServer.Condition, ofServer index: Int) {
        servers[index].condition = condition
        servers[index].conditionSince = now
        let address = servers[index].address
        switch condition {
        case .dead:
            servers[index].restart(at: now)
            settle(at: address) { _ in .lost(after: .milliseconds(1)) }
        case .silent:
            settle(at: address) { _ in .silence }
        case .well:
            servers[index].restart(at: now)
        default:
            break
        }
    }

    /// What is under way at a server becomes something else.
    private mutating func settle(
        at address: String,
        _ fate: (Chunk) -> SimulatedServer.Fate
    ) {
        for number in chunks.keys.sorted() {
            guard let chunk = chunks[number], let lease = chunk.lease,
                pool.member(lease.endpoint)?.address == address
            else { continue }
            chunks[number]?.turn += 1
            expect(fate(chunk), of: number, lease)
        }
    }

    // MARK: Running

    /// Runs until every stream has ended all its chunks.
    mutating func run() {
        for stream in 0..<parameters.streamCount {
            events.add(.chunk(stream: stream), at: pause())
        }
        look()
        while endedChunks < parameters.streamCount * parameters.chunksPerStream,
            violations.isEmpty, let (time, event) = events.next()
        {
            precondition(time >= now, "time goes on")
            now = time
            handle(event)
            checkEjections()
        }
        guard violations.isEmpty else { return }
        if endedChunks != startedChunks || !chunks.isEmpty { fail("chunks have not ended") }
        for member in pool.members
        where member.load.outstandingRequests != 0 || member.load.outstandingRows != 0 {
            fail("\(member.address) has \(member.load.outstandingRequests) requests outstanding")
        }
        let settings = parameters.pool.retries
        let allowed =
            settings.minimumRate * 10 + settings.minimumRate * now.seconds
            + settings.share * Double(firstAttemptCount)
        if Double(pool.retryCount) > allowed { fail("\(pool.retryCount) retries of \(allowed)") }
    }

    private mutating func pause() -> Duration {
        let range = parameters.chunkPause
        let seconds = Double.random(
            in: range.lowerBound.seconds...range.upperBound.seconds,
            using: &random
        )
        return now + .seconds(seconds)
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .chunk(let stream):
            begin(stream)
        case .resume(let number, let turn):
            guard chunks[number]?.turn == turn else { return }
            advance(number)
        case .outcome(let number, let turn, let lease, let fate):
            guard chunks[number]?.turn == turn else { return }
            settle(number, lease, fate)
        case .look:
            guard nextLook == now else { return }
            nextLook = nil
            look()
        case .probed(let id, let found):
            endProbe(id, found)
        case .world(let number):
            happen(&self, number)
        }
    }

    // MARK: Chunks

    private mutating func begin(_ stream: Int) {
        let number = nextChunk
        nextChunk += 1
        startedChunks += 1
        firstAttemptCount += 1
        chunksLeft[stream] -= 1
        chunks[number] = Chunk(
            stream: stream,
            start: now,
            isPoison: Double.random(in: 0..<1, using: &random) < parameters.poisonShare,
            course: RequestCourse(
                patience: parameters.patience,
                inferTimeout: parameters.inferTimeout,
                at: now
            )
        )
        advance(number)
    }

    private mutating func advance(_ number: Int) {
        guard var chunk = chunks[number] else { return }
        chunk.turn += 1
        chunk.isAwaiting = false
        let (step, changes) = chunk.course.next(&pool, at: now)
        switch step {
        case .send(let lease):
            if chunk.lease != nil { fail("a chunk is at two endpoints") }
            chunk.lease = lease
            chunk.leaseTimeout = chunk.course.timeout(at: now)
            chunk.leaseEnd = now + chunk.leaseTimeout
            chunks[number] = chunk
            send(number, lease)
        case .pause(let time):
            chunks[number] = chunk
            events.add(.resume(chunk: number, turn: chunk.turn), at: now + time)
        case .await:
            chunk.isAwaiting = true
            chunks[number] = chunk
            neededUntil = max(neededUntil, chunk.course.deadline)
            events.add(.resume(chunk: number, turn: chunk.turn), at: chunk.course.deadline)
        case .giveUp:
            chunks[number] = chunk
            end(number, hasSucceeded: false)
        }
        take(changes)
        look()
    }

    private mutating func send(_ number: Int, _ lease: Lease) {
        guard let chunk = chunks[number], let index = serverIndex(of: lease.endpoint) else {
            fail("a chunk was sent to an endpoint that is gone")
            return
        }
        if !admitting.contains(lease.endpoint) {
            fail("a chunk was sent to \(servers[index].address), which does not admit")
        }
        if now >= chunk.course.deadline { fail("a chunk was sent after its deadline") }
        requestCounts[servers[index].address, default: 0] += 1
        let fate = servers[index].run(
            isProbe: false,
            isPoison: chunk.isPoison,
            at: now,
            &random
        )
        expect(fate, of: number, lease)
    }

    private mutating func expect(
        _ fate: SimulatedServer.Fate,
        of number: Int,
        _ lease: Lease
    ) {
        guard let chunk = chunks[number] else { return }
        let (time, seen) = Self.seen(fate, within: chunk.leaseEnd - now)
        events.add(.outcome(chunk: number, turn: chunk.turn, lease, seen), at: now + time)
    }

    /// What a caller makes of a fate who waits no longer than so long, and when.
    private static func seen(
        _ fate: SimulatedServer.Fate,
        within timeout: Duration
    ) -> (Duration, SimulatedServer.Fate) {
        switch fate {
        case .answered(let time), .refused(let time), .lost(let time):
            time < timeout ? (time, fate) : (timeout, .silence)
        case .silence:
            (timeout, .silence)
        }
    }

    private mutating func settle(_ number: Int, _ lease: Lease, _ fate: SimulatedServer.Fate) {
        guard var chunk = chunks[number], chunk.lease == lease else {
            fail("an answer to a request that is over")
            return
        }
        chunk.lease = nil
        chunk.turn += 1
        switch fate {
        case .answered:
            let changes = chunk.course.succeeded(lease, &pool, at: now)
            chunks[number] = chunk
            end(number, hasSucceeded: true)
            take(changes)
            look()
            return
        case .refused:
            chunk.refusalCount += 1
            take(chunk.course.refused(lease, reason: "an error", &pool, at: now))
        case .lost:
            take(chunk.course.lost(lease, reason: "reset", &pool, at: now))
        case .silence:
            take(
                chunk.course.lost(
                    lease,
                    reason: "late",
                    timeout: chunk.leaseTimeout,
                    &pool,
                    at: now
                )
            )
        }
        chunks[number] = chunk
        advance(number)
    }

    private mutating func end(_ number: Int, hasSucceeded: Bool) {
        guard let chunk = chunks.removeValue(forKey: number) else {
            fail("a chunk ended twice")
            return
        }
        endedChunks += 1
        if chunk.lease != nil { fail("a chunk ended that is under way") }
        // An attempt is given a millisecond at the least.
        if now > chunk.start + parameters.patience + .milliseconds(1) {
            fail("a chunk ended after its patience")
        }
        inspect(&self, Ending(chunk: chunk, end: now, hasSucceeded: hasSucceeded))
        if chunksLeft[chunk.stream] > 0 { events.add(.chunk(stream: chunk.stream), at: pause()) }
    }

    // MARK: Changes

    private mutating func take(_ changes: [EndpointPool.Change]) {
        for change in changes {
            switch change {
            case .admitted(let id):
                if admitting.contains(id) { fail("\(id) was admitted twice") }
                fail("\(id) was admitted without a probe")
            case .left(let id, _):
                leave(id)
            case .suspected(let id):
                if !admitting.contains(id) { fail("\(id) is suspected, and does not admit") }
            case .cleared(let id):
                fail("\(id) was cleared without a probe")
            }
        }
    }

    private mutating func leave(_ id: EndpointID) {
        guard let index = admitting.firstIndex(of: id) else {
            fail("\(id) was left twice")
            return
        }
        admitting.remove(at: index)
        probes[id]?.isStale = true
        departureCount += 1
    }

    private mutating func awaken() {
        for number in chunks.keys.sorted() {
            guard let chunk = chunks[number], chunk.isAwaiting else { continue }
            events.add(.resume(chunk: number, turn: chunk.turn), at: now)
        }
    }

    private mutating func checkEjections() {
        let ejected = pool.members.filter { $0.health.isEjected(at: now) }
        let share = parameters.pool.maximumEjectedShare
        if Double(ejected.count) > share * Double(pool.members.count) {
            fail("\(ejected.count) of \(pool.members.count) are ejected")
        }
        for member in ejected where admitting.contains(member.id) {
            fail("\(member.address) admits and is ejected")
        }
    }

    // MARK: Probes

    private mutating func look() {
        let ejected = pool.members.filter { $0.health.isEjected(at: now) }.map(\.id)
        for probe in pool.beginDueProbes(at: now) {
            if ejected.contains(probe.endpoint), !admitting.isEmpty, now >= neededUntil {
                fail("\(probe.endpoint) was probed while it is ejected")
            }
            begin(probe)
        }
        guard let time = pool.nextProbeTime(at: now) else { return }
        if let nextLook, nextLook <= time { return }
        nextLook = max(time, now)
        events.add(.look, at: max(time, now))
    }

    private mutating func begin(_ probe: EndpointPool.DueProbe) {
        guard let index = serverIndex(of: probe.endpoint) else {
            fail("\(probe.endpoint) is probed and gone")
            return
        }
        if probes[probe.endpoint] != nil { fail("\(probe.endpoint) is probed twice at a time") }
        if !probe.wantsChunk, !admitting.contains(probe.endpoint) {
            fail("\(probe.endpoint) does not admit and is checked without a chunk")
        }
        probes[probe.endpoint] = (probe.wantsChunk, false)
        guard let (found, time) = servers[index].check() else {
            events.add(
                .probed(probe.endpoint, [.checkUnanswered(reason: "late")]),
                at: now + parameters.probeTimeout
            )
            return
        }
        guard probe.wantsChunk, found == [.checkPassed] else {
            events.add(.probed(probe.endpoint, found), at: now + time)
            return
        }
        let fate = servers[index].run(isProbe: true, at: now, &random)
        let (chunkTime, seen) = Self.seen(fate, within: parameters.inferTimeout)
        let result: EndpointHealth.Event =
            if case .answered = seen { .probePassed } else { .probeFailed(reason: "\(seen)") }
        events.add(.probed(probe.endpoint, found + [result]), at: now + time + chunkTime)
    }

    private mutating func endProbe(_ id: EndpointID, _ found: [EndpointHealth.Event]) {
        // Gone, perhaps.
        guard let probe = probes.removeValue(forKey: id) else { return }
        let changes = pool.endProbe(id, found, at: now)
        let hasPassed = found.last == .probePassed && probe.wantsChunk && !probe.isStale
        for change in changes {
            switch change {
            case .admitted(id):
                if !hasPassed { fail("\(id) was admitted without having passed a probe") }
                if admitting.contains(id) { fail("\(id) was admitted twice") }
                admitting.append(id)
                awaken()
            case .cleared(id):
                if !hasPassed { fail("\(id) was cleared without having passed a probe") }
                awaken()
            case .left(id, _):
                leave(id)
            default:
                fail("a probe of \(id) has led to \(change)")
            }
        }
        look()
    }
}
