/// Names an endpoint for as long as the process lives: an address that goes and comes back is
/// another endpoint.
package struct EndpointID: Hashable, Sendable, CustomStringConvertible {
    package let number: Int

    package var description: String { "endpoint \(number)" }
}

/// The right to send one request to one endpoint, to be given back once with what became of it.
package struct Lease: Hashable, Sendable {
    package let endpoint: EndpointID
    package let number: UInt64
    /// Chunks in the request.
    package let rows: Int
}

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
        /// The time after which an old latency counts 1/e.
        package var latencyDecay: Duration = .seconds(2)
        /// An endpoint that was just admitted gets its full share of the work after this time.
        package var slowStart: Duration = .seconds(5)
        /// The most endpoints that may be ejected at a time, of those there are.
        package var maximumEjectedShare = 0.5
        package var health = EndpointHealth.Settings()
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
        /// It takes no more work: streams that live there must move.
        case left(EndpointID, reason: String)
    }

    package struct Member: Sendable {
        package let id: EndpointID
        package let address: String
        package internal(set) var health: EndpointHealth
        package internal(set) var load = EndpointLoad()
        package internal(set) var isProbed = false
        package internal(set) var requestCount = 0
        package internal(set) var failureCount = 0
        /// Streams whose state lives there.
        package internal(set) var placementCount = 0
    }

    package let settings: Settings
    package private(set) var members: [Member] = []
    package private(set) var retryCount = 0
    private var random: Generator
    private var budget: RetryBudget
    private var nextEndpoint = 0
    private var nextLease: UInt64 = 0
    private var turn = 0

    /// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators").
    private struct Generator: RandomNumberGenerator, Sendable {
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
    }

    // MARK: Members

    /// Makes the members those of a list of distinct addresses. Those that stay keep what is known
    /// of them.
    /// - Returns: the new ones, and those that are gone.
    package mutating func setAddresses(
        _ addresses: [String]
    ) -> (added: [EndpointID], removed: [EndpointID]) {
        let removed = members.filter { !addresses.contains($0.address) }.map(\.id)
        members.removeAll { removed.contains($0.id) }
        var added: [EndpointID] = []
        for address in addresses where !members.contains(where: { $0.address == address }) {
            let id = EndpointID(number: nextEndpoint)
            nextEndpoint += 1
            added.append(id)
            members.append(
                Member(id: id, address: address, health: EndpointHealth(settings.health))
            )
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
        members.contains { isEligible($0, excluding: excluded, below: limit) }
    }

    private func isEligible(
        _ member: Member,
        excluding excluded: [EndpointID],
        below limit: Int
    ) -> Bool {
        member.health.isAdmitting && member.load.outstandingRequests < limit
            && !excluded.contains(member.id)
    }

    /// Each endpoint that gets no work and why, in one line; empty when all do.
    package var complaints: String {
        members.compactMap { member in
            member.health.reason.map { "\(member.address): \($0)" }
        }.joined(separator: "; ")
    }

    private func index(_ id: EndpointID) -> Int? { members.firstIndex { $0.id == id } }

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
        nextLease += 1
        members[index].load.began(nextLease, rows: rows, at: now)
        members[index].requestCount += 1
        return Lease(endpoint: members[index].id, number: nextLease, rows: rows)
    }

    /// Takes a lease back.
    package mutating func end(
        _ lease: Lease,
        _ outcome: Outcome,
        at now: Duration
    ) -> [Change] {
        guard let index = index(lease.endpoint) else { return [] }
        members[index].load.ended(
            lease.number,
            wasAnswered: outcome == .succeeded,
            at: now,
            decay: settings.latencyDecay
        )
        switch outcome {
        case .succeeded:
            return handle(.requestSucceeded, memberAt: index, at: now)
        case .lost(let reason):
            members[index].failureCount += 1
            return handle(.requestLost(reason: reason), memberAt: index, at: now)
        case .failed:
            members[index].failureCount += 1
            return []
        case .abandoned:
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
        return handle(.requestFailed(reason: reason), memberAt: index, at: now)
    }

    /// Has an endpoint probed before it gets more work: a chunk has failed wherever it was sent,
    /// and it is not known whether that is the chunk's fault or everyone's.
    package mutating func suspect(
        _ id: EndpointID,
        reason: String,
        at now: Duration
    ) -> [Change] {
        guard let index = index(id) else { return [] }
        return handle(.requestLost(reason: reason), memberAt: index, at: now)
    }

    private mutating func choose(
        excluding excluded: [EndpointID],
        below limit: Int,
        at now: Duration
    ) -> Int? {
        let count = members.count { isEligible($0, excluding: excluded, below: limit) }
        guard count > 0 else { return nil }
        func eligible(_ place: Int) -> Int {
            var left = place
            for (index, member) in members.enumerated()
            where isEligible(member, excluding: excluded, below: limit) {
                if left == 0 { return index }
                left -= 1
            }
            preconditionFailure("there are as many as were counted")
        }
        switch settings.balancing {
        case .roundRobin:
            turn += 1
            return eligible(turn % count)
        case .leastLoaded:
            guard count > 1 else { return eligible(0) }
            let first = Int.random(in: 0..<count, using: &random)
            let step = Int.random(in: 1..<count, using: &random)
            let (one, other) = (eligible(first), eligible((first + step) % count))
            return cost(one, at: now) <= cost(other, at: now) ? one : other
        }
    }

    /// Outstanding work times latency, and more for an endpoint that was just admitted.
    private func cost(_ index: Int, at now: Duration) -> Double {
        let member = members[index]
        let slowest = members.reduce(Self.unknownLatency) {
            $1.health.isAdmitting ? max($0, $1.load.latency ?? $0) : $0
        }
        let cost = member.load.cost(
            at: now,
            decay: settings.latencyDecay,
            placementCount: member.placementCount,
            unknownLatency: slowest
        )
        guard let admitted = member.health.admissionTime else { return cost }
        let age = (now - admitted).seconds / max(settings.slowStart.seconds, 1e-9)
        return cost / min(max(age, Self.minimumSlowStartShare), 1)
    }

    private static let minimumSlowStartShare = 0.1
    private static let unknownLatency = Duration.milliseconds(1)

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

    // MARK: Health

    /// A check, or a probe, of an endpoint is due: only one runs at a time.
    /// - Returns: whether it should end with a chunk, if all is well up to there; nil when another
    ///   is under way or the endpoint is gone.
    package mutating func beginProbe(_ id: EndpointID, at now: Duration) -> Bool? {
        guard let index = index(id), !members[index].isProbed else { return nil }
        members[index].isProbed = true
        return members[index].health.mayProbe(at: now)
    }

    /// What a check or a probe has found, in order.
    package mutating func endProbe(
        _ id: EndpointID,
        _ events: [EndpointHealth.Event],
        latency: Duration?,
        at now: Duration
    ) -> [Change] {
        guard let index = index(id) else { return [] }
        members[index].isProbed = false
        if let latency {
            members[index].load.note(latency, at: now, decay: settings.latencyDecay)
        }
        return events.flatMap { handle($0, memberAt: index, at: now) }
    }

    /// A time between two checks, spread so that endpoints are not asked all at once.
    package mutating func jittered(_ interval: Duration) -> Duration {
        .seconds(interval.seconds * Double.random(in: 0.8...1.2, using: &random))
    }

    private mutating func handle(
        _ event: EndpointHealth.Event,
        memberAt index: Int,
        at now: Duration
    ) -> [Change] {
        let wasAdmitting = members[index].health.isAdmitting
        let changed = members[index].health.handle(event, at: now, mayEject: mayEjectOne)
        let member = members[index]
        guard changed, member.health.isAdmitting != wasAdmitting else { return [] }
        return member.health.isAdmitting
            ? [.admitted(member.id)] : [.left(member.id, reason: member.health.reason ?? "")]
    }

    private var mayEjectOne: Bool {
        let ejected = members.count { $0.health.isEjected }
        let others = members.count { $0.health.isAdmitting } - 1
        return others > 0
            && Double(ejected + 1) <= Double(members.count) * settings.maximumEjectedShare
    }

    // MARK: Placements

    package mutating func notePlacement(on id: EndpointID, _ change: Int) {
        guard let index = index(id) else { return }
        members[index].placementCount += change
    }
}
