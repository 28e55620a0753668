/// Which chunks share a request, and when it goes to which endpoint, as a pure machine: events and the
/// pool of endpoints in, actions out. ``Batcher`` owns it.
///
/// A chunk is in one place at a time:
///
///     waiting --an endpoint is idle, or one has room and the batch is full or old----> under way
///     under way --answered---------------------------------------------------------> (over)
///     under way --lost with its endpoint, answered with an error-------------------> to repeat
///     to repeat --another endpoint has room, within the retry budget---------------> under way
///     waiting, to repeat --out of patience, refused too often----------------------> (over)
///     anywhere --cancelled---------------------------------------------------------> (over)
///
/// Chunks to repeat go as the group in which they went before, ahead of those that wait:
///
/// - A group that was lost goes to another endpoint. If that is lost too, it goes on in halves, so
///   that a chunk which brings endpoints down does so alone.
/// - A group that was answered with an error goes to another endpoint. When that runs it, those that
///   did not are blamed. When two endpoints have refused it, or no other one admits, then the fault
///   may be one chunk's: the group goes on in halves, down to that chunk alone.
/// - A chunk that was refused alone wherever it could go has the endpoints probed that have run
///   nothing since; it is tried again until it has been refused ``maximumRefusals`` times.
///
/// Whatever waits, waits in the order of arrival. A stream has at most one chunk here, so that the
/// queue is bounded by the number of open streams.
package struct BatchQueue: Sendable {
    package typealias ChunkID = UInt64

    package struct Settings: Sendable, Equatable {
        package var batching: Fleet.Batching
        /// What a request may take.
        package var inferTimeout: Duration
        /// What a chunk may take in all, until its last request is sent.
        package var patience: Duration
        /// Whether a request that takes unusually long is sent once more, elsewhere.
        package var isHedging = false

        package init(_ batching: Fleet.Batching, inferTimeout: Duration, patience: Duration) {
            precondition(batching.maximumBatch > 0 && batching.maximumOutstandingRequests > 0)
            self.batching = batching
            self.inferTimeout = inferTimeout
            self.patience = patience
        }
    }

    package enum Action: Sendable, Equatable {
        /// These chunks are to be sent as one request, in this order.
        case send([ChunkID], Lease, timeout: Duration)
        /// These chunks were answered: theirs are the request's rows that had their places.
        case finish([ChunkID])
        case fail(ChunkID, FleetError)
        /// Nobody waits for the request any more.
        case cancel(Lease)
        /// So many chunks that went together go on in halves, because of this.
        case split(Int, FleetError)
        /// Endpoints are used, or not used, from now on.
        case changed([EndpointPool.Change])
    }

    /// Errors that are taken for an answer to a chunk alone before it is held to be at fault.
    package static let maximumRefusals = 6
    /// Endpoints that must refuse several chunks before one of them is suspected.
    private static let endpointsToSplit = 2
    /// Losses after which chunks go on in halves.
    private static let lossesToSplit = 2
    /// Requests that must have been answered before it is known which take unusually long.
    private static let minimumHedgingEvidence = 100

    private struct Chunk {
        var arrival: Duration
        var lossCount = 0
        var refusalCount = 0
        var lastError: FleetError?
    }

    /// Chunks that go together.
    private struct Group {
        var chunks: [ChunkID]
        /// Who has refused them.
        var refusals: [(endpoint: EndpointID, reason: String, order: Int)] = []

        var refusers: [EndpointID] { refusals.map(\.endpoint) }
    }

    /// A group that was sent: once, or twice when it is hedged.
    private struct Flight {
        var group: Group
        var leases: [(lease: Lease, start: Duration)]
        var isHedged = false
    }

    package let settings: Settings
    private var chunks: [ChunkID: Chunk] = [:]
    private var waiting: ArraySlice<ChunkID> = []
    /// To repeat, the oldest first.
    private var groups: [Group] = []
    private var flights: [Flight] = []
    /// Answers so far, errors included: what their order is counted by.
    private var answerCount = 0
    /// Which answer of each endpoint was its last that was no error.
    private var successes: [EndpointID: Int] = [:]
    /// No repetition before this: the budget is spent.
    private var nextRepetition = Duration.zero
    private var counts = BatchStatistics()
    private var waits = DurationHistogram()
    private var requestTimes = DurationHistogram(memory: 1024)

    package init(_ settings: Settings) {
        self.settings = settings
    }

    package var isEmpty: Bool { chunks.isEmpty }

    package var statistics: BatchStatistics {
        var statistics = counts
        statistics.waiting = waiting.count + groups.reduce(0) { $0 + $1.chunks.count }
        statistics.medianWait = waits.quantile(0.5)
        statistics.wait95 = waits.quantile(0.95)
        return statistics
    }

    // MARK: Events

    /// A chunk came. To be followed by ``advance(_:at:)``, like every event.
    package mutating func add(_ id: ChunkID, at now: Duration) {
        precondition(chunks[id] == nil, "a chunk comes once")
        chunks[id] = Chunk(arrival: now)
        waiting.append(id)
    }

    /// Nobody waits for a chunk any more.
    package mutating func remove(
        _ id: ChunkID,
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> [Action] {
        guard chunks.removeValue(forKey: id) != nil else { return [] }
        if let index = waiting.firstIndex(of: id) {
            waiting.remove(at: index)
        } else if let index = groups.firstIndex(where: { $0.chunks.contains(id) }) {
            groups[index].chunks.removeAll { $0 == id }
            if groups[index].chunks.isEmpty { groups.remove(at: index) }
        } else if let index = flights.firstIndex(where: { $0.group.chunks.contains(id) }) {
            flights[index].group.chunks.removeAll { $0 == id }
            if flights[index].group.chunks.isEmpty {
                return abandon(flights.remove(at: index).leases, &pool, at: now)
            }
        }
        return []
    }

    /// A request was answered with what the model promises.
    package mutating func answered(
        _ lease: Lease,
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> [Action] {
        guard let index = flight(of: lease) else { return [] }
        var flight = flights.remove(at: index)
        var changes = pool.end(lease, .succeeded, at: now)
        if successes[lease.endpoint] == nil {
            successes = successes.filter { pool.member($0.key) != nil }
        }
        answerCount += 1
        successes[lease.endpoint] = answerCount
        if let start = flight.leases.first(where: { $0.lease == lease })?.start {
            requestTimes.add(now - start)
        }
        for refusal in flight.group.refusals where refusal.endpoint != lease.endpoint {
            changes += pool.blame(refusal.endpoint, reason: refusal.reason, at: now)
        }
        flight.leases.removeAll { $0.lease == lease }
        for id in flight.group.chunks { chunks[id] = nil }
        return [.finish(flight.group.chunks), .changed(changes)]
            + abandon(flight.leases, &pool, at: now)
    }

    /// A request got no answer: its endpoint, or the way there, is at fault.
    ///
    /// - Parameter wasCutShort: it had less time than a request may take, which says nothing about
    ///   the endpoint.
    package mutating func lost(
        _ lease: Lease,
        reason: String,
        _ error: FleetError,
        wasCutShort: Bool = false,
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> [Action] {
        guard let index = flight(of: lease) else { return [] }
        let changes = pool.end(lease, wasCutShort ? .abandoned : .lost(reason: reason), at: now)
        flights[index].leases.removeAll { $0.lease == lease }
        guard flights[index].leases.isEmpty else { return [.changed(changes)] }
        let group = flights.remove(at: index).group
        for id in group.chunks {
            chunks[id]?.lossCount += 1
            chunks[id]?.lastError = error
        }
        let losses = group.chunks.compactMap { chunks[$0]?.lossCount }.max() ?? 0
        guard losses >= Self.lossesToSplit, group.chunks.count > 1 else {
            insert(group)
            return [.changed(changes)]
        }
        return [.changed(changes), split(group, error)]
    }

    /// A request was answered with an error, or with what the model does not promise.
    package mutating func refused(
        _ lease: Lease,
        reason: String,
        _ error: FleetError,
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> [Action] {
        guard let index = flight(of: lease) else { return [] }
        let changes = pool.end(lease, .failed, at: now)
        flights[index].leases.removeAll { $0.lease == lease }
        answerCount += 1
        flights[index].group.refusals.append((lease.endpoint, reason, answerCount))
        guard flights[index].leases.isEmpty else { return [.changed(changes)] }
        let group = flights.remove(at: index).group
        for id in group.chunks { chunks[id]?.lastError = error }
        if group.chunks.count > 1 {
            if group.refusals.count >= Self.endpointsToSplit {
                return [.changed(changes), split(group, error)]
            }
        } else if let id = group.chunks.first {
            chunks[id]?.refusalCount += 1
            if (chunks[id]?.refusalCount ?? 0) >= Self.maximumRefusals {
                chunks[id] = nil
                return [.changed(changes), .fail(id, error)]
            }
        }
        insert(group)
        return [.changed(changes)]
    }

    /// Something has happened, or time has passed: ends what is out of patience and sends what can be
    /// sent.
    package mutating func advance(_ pool: inout EndpointPool, at now: Duration) -> [Action] {
        var actions: [Action] = []
        expire(&pool, at: now, &actions)
        sendGroups(&pool, at: now, &actions)
        sendWaiting(&pool, at: now, &actions)
        hedge(&pool, at: now, &actions)
        return actions
    }

    /// When to call ``advance(_:at:)`` again, if nothing happens before.
    package func wakeTime(_ pool: EndpointPool, at now: Duration) -> Duration? {
        var times: [Duration] = []
        // What is under way ends by its request's timeout.
        let oldest = waiting.first.flatMap { chunks[$0]?.arrival }
        times += ([oldest] + groups.map(arrival)).compactMap(\.self).map { $0 + settings.patience }
        if !groups.isEmpty, nextRepetition > now { times.append(nextRepetition) }
        if let oldest, pool.hasRoom(below: settings.batching.maximumOutstandingRequests) {
            times.append(oldest + settings.batching.maximumWait)
        }
        if let delay = hedgingDelay {
            times += flights.filter { !$0.isHedged }.compactMap { $0.leases.first?.start }
                .map { $0 + delay }.filter { $0 > now }
        }
        return times.min()
    }

    // MARK: Ends

    private mutating func expire(
        _ pool: inout EndpointPool,
        at now: Duration,
        _ actions: inout [Action]
    ) {
        var expired: [ChunkID] = []
        // The oldest come first, here and there.
        func isExpired(_ id: ChunkID) -> Bool {
            chunks[id].map { now >= $0.arrival + settings.patience } ?? true
        }
        expired += waiting.prefix(while: isExpired)
        for group in groups { expired += group.chunks.prefix(while: isExpired) }
        for id in expired {
            guard let chunk = chunks[id] else { continue }
            actions += remove(id, &pool, at: now)
            actions.append(.fail(id, exhausted(chunk, pool)))
        }
    }

    private func exhausted(_ chunk: Chunk, _ pool: EndpointPool) -> FleetError {
        if let error = chunk.lastError { return error }
        return FleetError(
            .unavailable,
            pool.hasRoom()
                ? "no inference server had room for it within \(settings.patience)"
                : "no inference server is ready to run it (\(pool.complaints))"
        )
    }

    private mutating func abandon(
        _ leases: [(lease: Lease, start: Duration)],
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> [Action] {
        leases.flatMap { lease, _ -> [Action] in
            [.changed(pool.end(lease, .abandoned, at: now)), .cancel(lease)]
        }
    }

    // MARK: Groups

    private func flight(of lease: Lease) -> Int? {
        flights.firstIndex { $0.leases.contains { $0.lease == lease } }
    }

    /// Puts a group where its oldest chunk belongs.
    private mutating func insert(_ group: Group) {
        guard let age = arrival(group) else { return }
        let place = groups.firstIndex { arrival($0) ?? .zero > age } ?? groups.endIndex
        groups.insert(group, at: place)
    }

    private func arrival(_ group: Group) -> Duration? {
        group.chunks.first.flatMap { chunks[$0]?.arrival }
    }

    private mutating func split(_ group: Group, _ error: FleetError) -> Action {
        let half = (group.chunks.count + 1) / 2
        insert(Group(chunks: Array(group.chunks[..<half])))
        insert(Group(chunks: Array(group.chunks[half...])))
        counts.splits += 1
        return .split(group.chunks.count, error)
    }

    private mutating func sendGroups(
        _ pool: inout EndpointPool,
        at now: Duration,
        _ actions: inout [Action]
    ) {
        guard now >= nextRepetition else { return }
        let limit = settings.batching.maximumOutstandingRequests
        var place = 0
        while place < groups.count {
            let group = groups[place]
            guard pool.hasRoom(excluding: group.refusers) else {
                // Without an endpoint that admits, all wait for one.
                guard pool.hasRoom() else { return }
                actions += settleRefused(place, &pool, at: now)
                place = 0
                continue
            }
            guard pool.hasRoom(excluding: group.refusers, below: limit) else {
                place += 1
                continue
            }
            if let wait = pool.askForRetry(at: now) {
                nextRepetition = now + wait
                return
            }
            groups.remove(at: place)
            let rows = group.chunks.count
            let lease =
                pool.lease(rows: rows, excluding: group.refusers, below: 1, at: now)
                ?? pool.lease(rows: rows, excluding: group.refusers, below: limit, at: now)
            guard let lease else { preconditionFailure("an endpoint has room") }
            send(group, lease, at: now, &actions)
        }
    }

    /// Every endpoint that admits has refused the group.
    private mutating func settleRefused(
        _ place: Int,
        _ pool: inout EndpointPool,
        at now: Duration
    ) -> [Action] {
        let group = groups[place]
        if group.chunks.count > 1 {
            groups.remove(at: place)
            let error = group.chunks.first.flatMap { chunks[$0]?.lastError }
            return [split(group, error ?? FleetError(.backendFailure, "refused"))]
        }
        groups[place].refusals = []
        // Those that have run something since are well; the others may be to blame.
        return group.refusals
            .filter { successes[$0.endpoint, default: 0] < $0.order }
            .map { .changed(pool.leave($0.endpoint, reason: $0.reason, at: now)) }
    }

    // MARK: Sending

    private mutating func sendWaiting(
        _ pool: inout EndpointPool,
        at now: Duration,
        _ actions: inout [Action]
    ) {
        let batching = settings.batching
        while let oldest = waiting.first.flatMap({ chunks[$0] }) {
            let rows = min(waiting.count, batching.maximumBatch)
            var lease = pool.lease(rows: rows, below: 1, at: now)
            let isDue =
                rows == batching.maximumBatch || now - oldest.arrival >= batching.maximumWait
            if lease == nil, isDue {
                lease = pool.lease(
                    rows: rows,
                    below: batching.maximumOutstandingRequests,
                    at: now
                )
            }
            guard let lease else { return }
            pool.noteFirstAttempt()
            let group = Group(chunks: Array(waiting.prefix(rows)))
            waiting = waiting.dropFirst(rows)
            for id in group.chunks {
                if let chunk = chunks[id] { waits.add(now - chunk.arrival) }
            }
            send(group, lease, at: now, &actions)
        }
    }

    private mutating func send(
        _ group: Group,
        _ lease: Lease,
        at now: Duration,
        _ actions: inout [Action]
    ) {
        flights.append(Flight(group: group, leases: [(lease, now)]))
        note(group, lease, at: now, &actions)
    }

    private mutating func note(
        _ group: Group,
        _ lease: Lease,
        at now: Duration,
        _ actions: inout [Action]
    ) {
        counts.requests += 1
        counts.chunks += group.chunks.count
        // No longer than the youngest of them can still wait.
        let youngest = group.chunks.compactMap { chunks[$0]?.arrival }.max() ?? now
        let left = youngest + settings.patience - now
        let timeout = max(min(settings.inferTimeout, left), .milliseconds(1))
        actions.append(.send(group.chunks, lease, timeout: timeout))
    }

    // MARK: Hedging

    /// The time within which all but a twentieth of the requests are answered.
    private var hedgingDelay: Duration? {
        guard settings.isHedging, requestTimes.count >= Self.minimumHedgingEvidence else {
            return nil
        }
        return requestTimes.quantile(0.95)
    }

    private mutating func hedge(
        _ pool: inout EndpointPool,
        at now: Duration,
        _ actions: inout [Action]
    ) {
        guard let delay = hedgingDelay else { return }
        let limit = settings.batching.maximumOutstandingRequests
        for index in flights.indices where !flights[index].isHedged {
            let flight = flights[index]
            guard let (first, start) = flight.leases.first, now - start >= delay else { continue }
            let excluded = flight.group.refusers + [first.endpoint]
            guard pool.hasRoom(excluding: excluded, below: limit), pool.askForRetry(at: now) == nil,
                let lease = pool.lease(
                    rows: flight.group.chunks.count,
                    excluding: excluded,
                    below: limit,
                    at: now
                )
            else { continue }
            flights[index].isHedged = true
            flights[index].leases.append((lease, now))
            counts.hedges += 1
            note(flight.group, lease, at: now, &actions)
        }
    }
}
