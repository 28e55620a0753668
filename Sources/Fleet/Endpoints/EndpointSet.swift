internal import GRPCTransport
internal import Logging
internal import ModelBundle
internal import Synchronization

/// The endpoints of a fleet with their connections: the owner of an ``EndpointPool``, which decides,
/// while this does.
final class EndpointSet: Sendable {
    private struct State {
        var pool: EndpointPool
        var endpoints: [EndpointID: Endpoint] = [:]
        var isClosed = false
    }

    let model: EncoderDescription
    let configuration: Fleet.Configuration
    let clock: any Clock<Duration>
    /// Time since the set was made: what the pool knows as `now`.
    let now: @Sendable () -> Duration
    /// Whether at least one endpoint admits work, and each change of it.
    let readiness = Readiness()
    let logger: Logger
    private let state: Mutex<State>
    private let probeChunk: ProbeChunk
    /// Given when an endpoint admits work again, or is under suspicion no more.
    private let changes = Signal()
    /// Given when a probe may be due sooner than was known.
    private let schedule = Signal()
    /// Told of every change, outside the lock.
    private let observers = Mutex<[@Sendable (EndpointPool.Change) -> Void]>([])
    private let resolution: Mutex<ResolvedEndpoints>
    private let resolver: any AddressResolver
    /// When an endpoint was last seen to admit work; nil before the first.
    private let admittedAt = Mutex<Duration?>(nil)

    init<C: Clock>(
        model: EncoderDescription,
        sources: [EndpointSource],
        resolver: any AddressResolver,
        configuration: Fleet.Configuration,
        probeChunk: ProbeChunk,
        seed: UInt64,
        clock: C,
        logger: Logger
    ) where C.Duration == Duration {
        self.model = model
        self.configuration = configuration
        self.probeChunk = probeChunk
        self.clock = clock
        self.logger = logger
        let start = clock.now
        now = { start.duration(to: clock.now) }
        var settings = configuration.pool
        settings.checkInterval = configuration.probeInterval
        state = Mutex(State(pool: EndpointPool(settings, seed: seed)))
        let resolved = ResolvedEndpoints(sources)
        resolution = Mutex(resolved)
        self.resolver = resolver
        setAddresses(resolved)
    }

    // MARK: Addresses

    /// Looks every name among the sources up, and makes the endpoints what was found.
    func resolve() async {
        for case .name(let host, let port) in resolution.withLock({ $0.names }) {
            let source = EndpointSource.name(host: host, port: port)
            let found: Result<[String], any Error>
            do {
                found = .success(try await resolver.addresses(of: host, port: port))
            } catch {
                found = .failure(error)
            }
            if Task.isCancelled { return }
            let (resolved, complaints) = resolution.withLock { resolution in
                let before = resolution.complaints
                switch found {
                case .success(let addresses): _ = resolution.lookedUp(source, addresses)
                case .failure(let error): resolution.lookupFailed(source, "\(error)")
                }
                return (resolution, resolution.complaints == before ? [] : resolution.complaints)
            }
            for complaint in complaints {
                logger.warning("lookup failed", metadata: ["reason": "\(complaint)"])
            }
            setAddresses(resolved)
        }
    }

    /// Makes the endpoints those that were found. The connections of those that are gone are closed
    /// once their requests under way are answered.
    private func setAddresses(_ resolved: ResolvedEndpoints) {
        let addresses = resolved.addresses
        let removed = state.withLock { state -> [Endpoint] in
            guard !state.isClosed else { return [] }
            let (added, removed) = state.pool.setAddresses(addresses, at: now())
            for id in added {
                guard let address = state.pool.member(id)?.address else { continue }
                var transport = configuration.transport
                // At an address that was found under a name, the certificate is for the name.
                if transport.tls != nil, transport.tls?.serverName == nil {
                    transport.tls?.serverName = resolved.serverName(of: address)
                }
                state.endpoints[id] = Endpoint(
                    id: id,
                    address: address,
                    transport: transport,
                    channelCount: configuration.channelsPerEndpoint
                )
            }
            return removed.compactMap { state.endpoints.removeValue(forKey: $0) }
        }
        readiness.update { hasAdmitting }
        schedule.give()
        for endpoint in removed {
            logger.notice("endpoint removed", metadata: ["address": "\(endpoint.address)"])
            tell([.left(endpoint.id, reason: "removed from the endpoints")])
        }
    }

    func observe(_ observer: @escaping @Sendable (EndpointPool.Change) -> Void) {
        observers.withLock { $0.append(observer) }
    }

    // MARK: Work

    var hasAdmitting: Bool { state.withLock { $0.pool.hasAdmitting } }

    /// Whether there is hope for a stream that begins now: an endpoint admits work, or did a moment
    /// ago.
    var isAvailable: Bool {
        if hasAdmitting { return true }
        guard let last = admittedAt.withLock({ $0 }) else { return false }
        return now() - last < configuration.grace
    }

    /// Whether it is one of the endpoints, however it is.
    func isMember(_ id: EndpointID) -> Bool { state.withLock { $0.pool.member(id) != nil } }

    func isEjected(_ id: EndpointID) -> Bool {
        state.withLock { $0.pool.member(id)?.health.isEjected(at: now()) ?? false }
    }

    func isAdmitting(_ id: EndpointID) -> Bool { state.withLock { $0.pool.isAdmitting(id) } }

    func end(_ lease: Lease, _ outcome: EndpointPool.Outcome) {
        change { $0.end(lease, outcome, at: now()) }
    }

    /// The version of the model that ran an endpoint's last probe's chunk; nil when none was run.
    func servedVersion(of id: EndpointID) -> String? {
        state.withLock { $0.pool.member(id)?.servedVersion }
    }

    func notePlacement(on id: EndpointID, _ difference: Int) {
        state.withLock { $0.pool.notePlacement(on: id, difference) }
    }

    /// Times that an endpoint was found well.
    var changeCount: Int { changes.count }

    /// Waits until another endpoint was found well than when ``changeCount`` was `seen`, or until
    /// `deadline`.
    func changed(since seen: Int, before deadline: Duration) async throws(FleetError) {
        let left = deadline - now()
        guard left > .zero else { return }
        await changes.given(since: seen, within: left, on: clock)
        if Task.isCancelled { throw .cancelled }
    }

    /// Probes may be due sooner than they were, since a request waits.
    func expediteProbes() { schedule.give() }

    func pause(_ duration: Duration) async throws(FleetError) {
        do {
            try await clock.sleep(for: duration)
        } catch {
            throw .cancelled
        }
    }

    /// Lets another machine decide together with the pool. Changes that the pool reports there are
    /// to be told once no lock is held.
    func withPool<Result: Sendable>(_ body: (inout EndpointPool) -> Result) -> Result {
        state.withLock { body(&$0.pool) }
    }

    /// Nil when it is gone.
    func endpoint(_ id: EndpointID) -> Endpoint? { state.withLock { $0.endpoints[id] } }

    func change(_ body: (inout EndpointPool) -> [EndpointPool.Change]) {
        tell(state.withLock { body(&$0.pool) })
    }

    func tell(_ news: [EndpointPool.Change]) {
        guard !news.isEmpty else { return }
        // Noted at each change: an endpoint admits work right before it is left, too.
        admittedAt.withLock { $0 = now() }
        readiness.update { hasAdmitting }
        for change in news {
            switch change {
            case .admitted(let id):
                logger.info("endpoint ready", metadata: ["address": "\(address(of: id))"])
                changes.give()
            case .suspected:
                schedule.give()
            case .cleared(let id):
                logger.debug(
                    "endpoint runs chunks, though not all",
                    metadata: ["address": "\(address(of: id))"]
                )
                changes.give()
            case .left(let id, let reason):
                logger.warning(
                    "endpoint not used",
                    metadata: ["address": "\(address(of: id))", "reason": "\(reason)"]
                )
                schedule.give()
            }
            for observer in observers.withLock({ $0 }) { observer(change) }
        }
    }

    private func address(of id: EndpointID) -> String {
        state.withLock { $0.endpoints[id]?.address } ?? "\(id)"
    }

    // MARK: Health

    /// Probes every endpoint once, as ``Fleet/check()`` says.
    func check() async throws(FleetError) {
        await resolve()
        let endpoints = state.withLock { Array($0.endpoints.values) }
        let misfits = await withTaskGroup(of: String?.self) { group in
            for endpoint in endpoints {
                group.addTask { [model] in
                    await endpoint.misfit(model, timeout: Fleet.checkTimeout)
                        .map { "\(endpoint.address): \($0)" }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        // Thrown before anything is logged: a server that does not start says why in one line.
        if let misfit = misfits.compactMap({ $0 }).sorted().first {
            throw FleetError(.incompatible, misfit)
        }
        await withTaskGroup(of: Void.self) { group in
            for endpoint in endpoints {
                group.addTask { await self.probe(endpoint, timeout: Fleet.checkTimeout) }
            }
        }
    }

    /// Checks and probes the endpoints whenever the pool says so, until the task is cancelled.
    func watch() async {
        await withDiscardingTaskGroup { group in
            if !resolution.withLock({ $0.names.isEmpty }) {
                group.addTask {
                    while !Task.isCancelled {
                        let interval = self.configuration.resolveInterval
                        guard (try? await self.clock.sleep(for: interval)) != nil else { return }
                        await self.resolve()
                    }
                }
            }
            while !Task.isCancelled {
                let seen = schedule.count
                let (due, next) = state.withLock { state in
                    guard !state.isClosed else {
                        return ([EndpointPool.DueProbe](), Duration?.none)
                    }
                    let due = state.pool.beginDueProbes(at: now())
                    return (due, state.pool.nextProbeTime(at: now()))
                }
                for probe in due {
                    group.addTask {
                        await self.run(probe, timeout: self.configuration.probeTimeout)
                        self.schedule.give()
                    }
                }
                if let next {
                    await schedule.given(since: seen, within: next - now(), on: clock)
                } else {
                    await schedule.given(since: seen)
                }
            }
        }
    }

    /// Probes an endpoint now, if that is not happening already.
    private func probe(_ endpoint: Endpoint, timeout: Duration) async {
        guard let wantsChunk = state.withLock({ $0.pool.beginProbe(endpoint.id, at: now()) })
        else { return }
        await run(
            EndpointPool.DueProbe(endpoint: endpoint.id, wantsChunk: wantsChunk),
            timeout: timeout
        )
        schedule.give()
    }

    private func run(_ probe: EndpointPool.DueProbe, timeout: Duration) async {
        guard let endpoint = endpoint(probe.endpoint) else { return }
        let (events, servedVersion) = await endpoint.probe(
            model,
            timeout: timeout,
            chunk: probe.wantsChunk ? probeChunk : nil
        )
        change {
            $0.endProbe(
                endpoint.id,
                Task.isCancelled ? [] : events,
                servedVersion: servedVersion,
                at: now()
            )
        }
    }

    // MARK: Ends

    /// Closes the connections. Requests under way fail.
    func close() {
        let endpoints = state.withLock { state in
            state.isClosed = true
            return Array(state.endpoints.values)
        }
        for endpoint in endpoints { endpoint.client.close() }
    }

    /// Each endpoint that gets no work and why, in one line; empty when all do.
    var complaints: String { state.withLock { $0.pool.complaints } }

    var members: [EndpointPool.Member] { state.withLock { $0.pool.members } }
    var retryCount: Int { state.withLock { $0.pool.retryCount } }
}

extension FleetError {
    static let cancelled = FleetError(.cancelled, "the stream was cancelled")
}
