/// All endpoints of a fleet, as a pure value: which there are, how they are, what they have to do,
/// and who gets the next request. Time comes in with each call and chance from a seed, so that
/// every decision can be repeated.
package struct EndpointPool: Sendable {
    /// How the endpoint of a request is chosen among those that admit.
    package enum Balancing: String, Sendable, CaseIterable {
        /// The better one of two drawn by lot, by outstanding work times latency (Mitzenmacher, "The
        /// power of two choices in randomized load balancing").
        case leastLoaded = "least_loaded"
        /// One after the other; for comparison.
        case roundRobin = "round_robin"
    }

    package struct Settings: Sendable, Equatable {
        package var balancing = Balancing.leastLoaded
        /// Time between two checks of an endpoint that admits, give or take a fifth.
        package var checkInterval: Duration = .seconds(1)
        /// The time after which an old latency counts 1/e.
        package var latencyDecay: Duration = .seconds(2)
        /// An endpoint that was just admitted gets its full share of the work after this time.
        package var slowStart: Duration = .seconds(5)
        /// The most endpoints that may be ejected at a time, of those there are.
        package var maximumEjectedShare = 0.5
        package var health = EndpointHealth.Settings()
        package var outliers = OutlierDetector.Settings()
        package var retries = RetryBudget.Settings()

        package init() {}
    }

    /// What became of a request.
    package enum Outcome: Sendable, Equatable {
        case succeeded
        /// No answer came: the endpoint, or the way to it, is at fault.
        case lost(reason: String)
        /// It was answered with an error, which may be the endpoint's fault or the chunk's: to be
        /// settled by ``EndpointPool/blame(_:reason:at:)`` once another endpoint has run the chunk.
        case failed
        /// Nobody waits for it any more.
        case abandoned
    }

    /// What has changed, for the owner to act on.
    package enum Change: Sendable, Equatable {
        case admitted(EndpointID)
        /// It is to be probed, and goes on admitting.
        case suspected(EndpointID)
        /// It was suspected, and has run a probe's chunk.
        case cleared(EndpointID)
        /// It takes no more work: streams that live there must move.
        case left(EndpointID, reason: String)
    }

    package struct Member: Sendable {
        package let id: EndpointID
        package let address: String
        package internal(set) var health: EndpointHealth
        package internal(set) var load: EndpointLoad
        /// The version of the model that ran its last probe's chunk.
        package internal(set) var servedVersion: String?
        package internal(set) var requestCount = 0
        package internal(set) var failureCount = 0
        /// Streams whose state lives there.
        package internal(set) var placementCount = 0
        /// The probe that is under way.
        var probe: Probe?
        /// When it is checked next, while it admits.
        var nextCheck = Duration.zero

        package var isProbed: Bool { probe != nil }

        init(id: EndpointID, address: String, _ settings: Settings) {
            self.id = id
            self.address = address
            health = EndpointHealth(settings.health)
            load = EndpointLoad(decay: settings.latencyDecay)
        }
    }

    struct Probe {
        /// Which of the endpoint's departures it came after.
        var departure: Int
    }

    /// A check of an endpoint that is due.
    package struct DueProbe: Sendable, Equatable {
        package let endpoint: EndpointID
        /// Whether it ends with a chunk, if all is well up to there.
        package let wantsChunk: Bool

        package init(endpoint: EndpointID, wantsChunk: Bool) {
            self.endpoint = endpoint
            self.wantsChunk = wantsChunk
        }
    }

    package let settings: Settings
    package internal(set) var members: [Member] = []
    package private(set) var retryCount = 0
    var random: Generator
    private var budget: RetryBudget
    var outliers: OutlierDetector
    /// Until when a request waits for an endpoint that does not admit yet.
    var neededUntil = Duration.zero
    private var nextEndpoint = 0
    private var nextLease: UInt64 = 0
    private var turn: UInt = 0

    /// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators").
    struct Generator: RandomNumberGenerator, Sendable {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }

    package init(_ settings: Settings, seed: UInt64) {
        self.settings = settings
        random = Generator(state: seed)
        budget = RetryBudget(settings.retries)
        outliers = OutlierDetector(settings.outliers)
    }

    // MARK: Members

    /// Makes the members those of a list of distinct addresses. Those that stay keep what is known
    /// of them.
    /// - Returns: the new ones, and those that are gone.
    package mutating func setAddresses(
        _ addresses: [String],
        at now: Duration
    ) -> (added: [EndpointID], removed: [EndpointID]) {
        let removed = members.filter { !addresses.contains($0.address) }.map(\.id)
        members.removeAll { removed.contains($0.id) }
        for id in removed { outliers.forget(id) }
        var added: [EndpointID] = []
        defer { releaseEjected(at: now) }
        for address in addresses where !members.contains(where: { $0.address == address }) {
            let id = EndpointID(number: nextEndpoint)
            nextEndpoint += 1
            added.append(id)
            members.append(Member(id: id, address: address, settings))
        }
        return (added, removed)
    }

    package func member(_ id: EndpointID) -> Member? { members.first { $0.id == id } }

    /// Whether an endpoint may be given work; an endpoint that is gone may not.
    package func isAdmitting(_ id: EndpointID) -> Bool {
        member(id)?.health.isAdmitting ?? false
    }

    package var hasAdmitting: Bool { members.contains { $0.health.isAdmitting } }

    /// Whether ``lease(rows:excluding:below:at:)`` would find an endpoint.
    package func hasRoom(excluding excluded: [EndpointID] = [], below limit: Int = .max) -> Bool {
        members.indices.contains { isEligible($0, excluding: excluded, below: limit) }
    }

    private func isEligible(_ index: Int, excluding: [EndpointID], below limit: Int) -> Bool {
        members[index].health.isAdmitting
            && members[index].load.outstandingRequests < limit
            && !excluding.contains(members[index].id)
    }

    /// Each endpoint that gets no work and why, in one line; empty when all do.
    package var complaints: String {
        members.compactMap { member in
            member.health.reason.map { "\(member.address): \($0)" }
        }.joined(separator: "; ")
    }

    func index(_ id: EndpointID) -> Int? { members.firstIndex { $0.id == id } }

    // MARK: Work

    /// Chooses the endpoint of a request.
    ///
    /// - Parameters:
    ///   - excluded: endpoints that it must not go to, since they have failed at it.
    ///   - limit: the endpoint must have fewer requests under way than so many; 1 asks for an idle
    ///     one.
    /// - Returns: nil when no other endpoint admits.
    package mutating func lease(
        rows: Int = 1,
        excluding excluded: [EndpointID] = [],
        below limit: Int = .max,
        at now: Duration
    ) -> Lease? {
        guard let index = choose(excluding: excluded, below: limit, at: now) else { return nil }
        return lease(memberAt: index, rows: rows, at: now)
    }

    /// A request to an endpoint where a stream's state lives.
    /// - Returns: nil when that endpoint does not admit.
    package mutating func lease(on id: EndpointID, rows: Int = 1, at now: Duration) -> Lease? {
        guard let index = index(id), members[index].health.isAdmitting else { return nil }
        return lease(memberAt: index, rows: rows, at: now)
    }

    private mutating func lease(memberAt index: Int, rows: Int, at now: Duration) -> Lease {
        precondition(members[index].health.isAdmitting, "work is for endpoints that admit it")
        nextLease += 1
        members[index].load.began(nextLease, rows: rows, at: now)
        members[index].requestCount += 1
        return Lease(
            endpoint: members[index].id,
            number: nextLease,
            rows: rows,
            admission: members[index].health.admissionCount
        )
    }

    /// Takes a lease back; a second time does nothing.
    package mutating func end(
        _ lease: Lease,
        _ outcome: Outcome,
        at now: Duration
    ) -> [Change] {
        guard let index = index(lease.endpoint),
            let time = members[index].load.ended(lease.number, at: now)
        else { return [] }
        let isCurrent = lease.admission == members[index].health.admissionCount
        switch outcome {
        case .succeeded:
            guard isCurrent else { return [] }
            members[index].load.note(time, at: now)
            members[index].load.note(isFailure: false, at: now)
            outliers.note(lease.endpoint, isFailure: false)
            return handle(.requestSucceeded, memberAt: index, at: now) + ejectOutliers(at: now)
        case .lost(let reason):
            members[index].failureCount += 1
            guard isCurrent else { return [] }
            return handle(.requestLost(reason: reason), memberAt: index, at: now)
        case .failed:
            members[index].failureCount += 1
            return []
        case .abandoned:
            members[index].load.noteUnanswered(after: time, at: now)
            return []
        }
    }

    /// Holds against an endpoint that it answered with an error what another endpoint could run.
    package mutating func blame(
        _ id: EndpointID,
        reason: String,
        at now: Duration
    ) -> [Change] {
        guard let index = index(id) else { return [] }
        members[index].load.note(isFailure: true, at: now)
        outliers.note(id, isFailure: true)
        return handle(.requestFailed(reason: reason), memberAt: index, at: now)
            + ejectOutliers(at: now)
    }

    /// Has an endpoint probed that goes on admitting: a chunk has failed wherever it was sent, and
    /// it is not known whether that is the chunk's fault or everyone's. Ends with
    /// ``Change/cleared(_:)`` or ``Change/left(_:reason:)``.
    package mutating func suspect(
        _ id: EndpointID,
        reason: String,
        at now: Duration
    ) -> [Change] {
        guard let index = index(id) else { return [] }
        return handle(.suspected(reason: reason), memberAt: index, at: now)
    }

    /// Has an endpoint take no more work until it has run a probe's chunk.
    package mutating func leave(
        _ id: EndpointID,
        reason: String,
        at now: Duration
    ) -> [Change] {
        guard let index = index(id) else { return [] }
        return handle(.requestLost(reason: reason), memberAt: index, at: now)
    }

    /// Probes' chunks that an endpoint has run; nil when it is gone.
    package func passedProbeCount(of id: EndpointID) -> Int? {
        member(id)?.health.passedProbeCount
    }

    private mutating func ejectOutliers(at now: Duration) -> [Change] {
        outliers.outliers(at: now).flatMap { id, reason in
            index(id).map { handle(.outlying(reason: reason), memberAt: $0, at: now) } ?? []
        }
    }

    // MARK: Balancing

    private mutating func choose(
        excluding excluded: [EndpointID],
        below limit: Int = .max,
        at now: Duration
    ) -> Int? {
        let eligible = members.indices.filter {
            isEligible($0, excluding: excluded, below: limit)
        }
        let count = eligible.count
        guard count > 0 else { return nil }
        switch settings.balancing {
        case .roundRobin:
            turn &+= 1
            return eligible[Int(turn % UInt(count))]
        case .leastLoaded:
            guard count > 1 else { return eligible[0] }
            let first = Int.random(in: 0..<count, using: &random)
            let step = Int.random(in: 1..<count, using: &random)
            let (one, other) = (eligible[first], eligible[(first + step) % count])
            let unknown = unknownLatency
            let limit = cost(one, unknown, at: now) * Self.clearlyCheaper
            return cost(other, unknown, at: now) < limit ? other : one
        }
    }

    /// Outstanding work times latency, and more for an endpoint that was just admitted.
    private func cost(_ index: Int, _ unknownLatency: Duration, at now: Duration) -> Double {
        let cost = members[index].load.cost(
            at: now,
            placementCount: members[index].placementCount,
            unknownLatency: unknownLatency
        )
        guard let admitted = members[index].health.admissionTime else { return cost }
        let age = (now - admitted).seconds / max(settings.slowStart.seconds, 1e-9)
        return cost / min(max(age, Self.minimumSlowStartShare), 1)
    }

    /// What is assumed of an endpoint that has answered nothing yet: that it is as slow as any.
    private var unknownLatency: Duration {
        members.lazy.filter(\.health.isAdmitting).compactMap(\.load.latency).max()
            ?? Self.usualLatency
    }

    private static let minimumSlowStartShare = 0.1
    private static let usualLatency = Duration.milliseconds(1)
    /// Latencies are no more certain than this: of two that cost nearly the same, the lot decides,
    /// or the one whose last answer happened to be the fastest would get all the work of a quiet
    /// hour.
    private static let clearlyCheaper = 0.8

    // MARK: Retries

    /// A request goes out for the first time.
    package mutating func noteFirstAttempt() { budget.deposit() }

    /// Asks for a retry.
    /// - Returns: nil when it may go; otherwise how long to wait before asking again.
    package mutating func askForRetry(at now: Duration) -> Duration? {
        if let wait = budget.withdraw(at: now) { return wait }
        retryCount += 1
        return nil
    }

    // MARK: Placements

    package mutating func notePlacement(on id: EndpointID, _ change: Int) {
        guard let index = index(id) else { return }
        members[index].placementCount += change
    }
}
