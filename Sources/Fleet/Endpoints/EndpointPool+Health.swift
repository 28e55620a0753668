/// Which endpoints are checked and probed when, and what that and their work say about them.
extension EndpointPool {
    /// The checks and probes that are due, each of which then is under way: there is one of an
    /// endpoint at a time.
    package mutating func beginDueProbes(at now: Duration) -> [DueProbe] {
        let isNeeded = isNeeded(at: now)
        return members.indices.compactMap { index in
            guard let due = probeTime(of: index, isNeeded: isNeeded), due <= now else { return nil }
            return DueProbe(
                endpoint: members[index].id,
                wantsChunk: begin(memberAt: index) { $0.beginProbe(at: now, isNeeded: isNeeded) }
            )
        }
    }

    /// When the next check or probe is due; nil when each endpoint's is under way.
    package func nextProbeTime(at now: Duration) -> Duration? {
        let isNeeded = isNeeded(at: now)
        return members.indices.compactMap { probeTime(of: $0, isNeeded: isNeeded) }.min()
    }

    /// A request can be run by none of the endpoints that admit, and waits for another one: until
    /// then no endpoint is kept waiting for its probe longer than must be.
    package mutating func noteNeed(until time: Duration) {
        neededUntil = max(neededUntil, time)
    }

    private func isNeeded(at now: Duration) -> Bool { now < neededUntil || !hasAdmitting }

    /// A probe that somebody has asked for begins, whatever the time.
    /// - Returns: whether it should end with a chunk, if all is well up to there; nil when another
    ///   is under way or the endpoint is gone.
    package mutating func beginProbe(_ id: EndpointID, at now: Duration) -> Bool? {
        guard let index = index(id), !members[index].isProbed else { return nil }
        return begin(memberAt: index) { $0.beginDemandedProbe(at: now) }
    }

    private mutating func begin(
        memberAt index: Int,
        _ begin: (inout EndpointHealth) -> Bool
    ) -> Bool {
        let wantsChunk = begin(&members[index].health)
        members[index].probe = Probe(departure: members[index].health.departureCount)
        return wantsChunk
    }

    private func probeTime(of index: Int, isNeeded: Bool) -> Duration? {
        guard !members[index].isProbed else { return nil }
        let health = members[index].health
        guard health.isAdmitting else { return health.probeTime(isNeeded: isNeeded) }
        return health.probeTime(isNeeded: isNeeded).map { min($0, members[index].nextCheck) }
            ?? members[index].nextCheck
    }

    /// What a check or a probe has found, in order.
    ///
    /// - Parameter servedVersion: of the model that ran the chunk, if one was run.
    package mutating func endProbe(
        _ id: EndpointID,
        _ events: [EndpointHealth.Event],
        servedVersion: String? = nil,
        at now: Duration
    ) -> [Change] {
        guard let index = index(id), let probe = members[index].probe else { return [] }
        members[index].probe = nil
        members[index].nextCheck = now + jittered(settings.checkInterval)
        if let servedVersion { members[index].servedVersion = servedVersion }
        // What an endpoint could do before it was left does not bring it back.
        let isCurrent = probe.departure == members[index].health.departureCount
        return events.filter { isCurrent || $0 != .probePassed }
            .flatMap { handle($0, memberAt: index, at: now) }
    }

    /// Spread so that endpoints are not asked all at once.
    private mutating func jittered(_ interval: Duration) -> Duration {
        .seconds(interval.seconds * Double.random(in: 0.8...1.2, using: &random))
    }

    mutating func handle(
        _ event: EndpointHealth.Event,
        memberAt index: Int,
        at now: Duration
    ) -> [Change] {
        let mayEject = mayEject(memberAt: index, at: now)
        let (wasAdmitting, wasSuspected) =
            (members[index].health.isAdmitting, members[index].health.isSuspected)
        _ = members[index].health.handle(event, at: now, mayEject: mayEject)
        let (id, health) = (members[index].id, members[index].health)
        switch (wasAdmitting, health.isAdmitting) {
        case (false, true):
            // What is known of its speed is of before.
            members[index].load.forget()
            outliers.forget(id)
            return [.admitted(id)]
        case (true, false):
            return [.left(id, reason: health.reason ?? "")]
        case (true, true):
            guard wasSuspected != health.isSuspected else { return [] }
            return [wasSuspected ? .cleared(id) : .suspected(id)]
        case (false, false):
            return []
        }
    }

    /// With fewer endpoints than there were, fewer may be ejected: those whose time is over first
    /// anyway may be probed now.
    mutating func releaseEjected(at now: Duration) {
        let ejected = members.indices.compactMap { index in
            members[index].health.ejectionEnd(at: now).map { (index, $0) }
        }.sorted { $0.1 < $1.1 }
        let excess = ejected.count - maximumEjected
        guard excess > 0 else { return }
        for (index, _) in ejected.prefix(excess) { members[index].health.release(at: now) }
    }

    private var maximumEjected: Int {
        Int(Double(members.count) * settings.maximumEjectedShare)
    }

    /// Whether the others can do without an endpoint.
    private func mayEject(memberAt index: Int, at now: Duration) -> Bool {
        let ejected = members.indices.count { members[$0].health.isEjected(at: now) }
        let others = members.indices.count { $0 != index && members[$0].health.isAdmitting }
        return others > 0 && ejected < maximumEjected
    }
}
