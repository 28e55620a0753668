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
    /// Endpoints to probe now and not only when their next check is due.
    private let prompts: AsyncStream<EndpointID>
    private let prompt: AsyncStream<EndpointID>.Continuation
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
        (prompts, prompt) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(Self.maximumPrompts)
        )
        state = Mutex(State(pool: EndpointPool(configuration.pool, seed: seed)))
        let resolved = ResolvedEndpoints(sources)
        resolution = Mutex(resolved)
        self.resolver = resolver
        setAddresses(resolved)
    }

    private static let maximumPrompts = 1024

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
            let (added, removed) = state.pool.setAddresses(addresses)
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
                prompt.yield(id)
            }
            return removed.compactMap { state.endpoints.removeValue(forKey: $0) }
        }
        readiness.update { hasAdmitting }
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
        state.withLock { $0.pool.member(id)?.health.isEjected ?? false }
    }

    func isAdmitting(_ id: EndpointID) -> Bool { state.withLock { $0.pool.isAdmitting(id) } }

    /// Chooses an endpoint that admits; nil when there is none besides the excluded ones.
    func lease(rows: Int = 1, excluding excluded: [EndpointID] = []) -> (Lease, Endpoint)? {
        state.withLock { state in
            state.pool.lease(rows: rows, excluding: excluded, at: now()).flatMap { lease in
                state.endpoints[lease.endpoint].map { (lease, $0) }
            }
        }
    }

    /// A request to the endpoint where a stream's state lives; nil when it does not admit.
    func lease(on id: EndpointID) -> (Lease, Endpoint)? {
        state.withLock { state in
            state.pool.lease(on: id, at: now()).flatMap { lease in
                state.endpoints[id].map { (lease, $0) }
            }
        }
    }

    func end(_ lease: Lease, _ outcome: EndpointPool.Outcome) {
        change { $0.end(lease, outcome, at: now()) }
    }

    func blame(_ id: EndpointID, reason: String) {
        change { $0.blame(id, reason: reason, at: now()) }
    }

    func suspect(_ id: EndpointID, reason: String) {
        change { $0.suspect(id, reason: reason, at: now()) }
    }

    func noteFirstAttempt() { state.withLock { $0.pool.noteFirstAttempt() } }

    func notePlacement(on id: EndpointID, _ difference: Int) {
        state.withLock { $0.pool.notePlacement(on: id, difference) }
    }

    /// Waits until the budget allows another retry.
    /// - Returns: whether it does before `deadline`.
    func retryAllowed(before deadline: Duration) async throws(FleetError) -> Bool {
        while let wait = state.withLock({ $0.pool.askForRetry(at: now()) }) {
            let left = deadline - now()
            guard left > .zero else { return false }
            try await pause(min(wait, left))
        }
        return true
    }

    /// Waits until an endpoint admits work.
    /// - Returns: whether one does before `deadline`.
    func admissionCame(before deadline: Duration) async throws(FleetError) -> Bool {
        let left = deadline - now()
        if hasAdmitting { return true }
        guard left > .zero else { return false }
        let clock = clock
        let changes = readiness.changes()
        let came = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await isReady in changes where isReady { return true }
                return false
            }
            group.addTask {
                try? await clock.sleep(for: left)
                return false
            }
            let first = await group.next() ?? false
            group.cancelAll()
            return first
        }
        guard !Task.isCancelled else { throw .cancelled }
        return came || hasAdmitting
    }

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

    private func change(_ body: (inout EndpointPool) -> [EndpointPool.Change]) {
        tell(state.withLock { body(&$0.pool) })
    }

    func tell(_ changes: [EndpointPool.Change]) {
        guard !changes.isEmpty else { return }
        // Noted at each change: an endpoint admits work right before it is left, too.
        admittedAt.withLock { $0 = now() }
        readiness.update { hasAdmitting }
        for change in changes {
            switch change {
            case .admitted(let id):
                logger.info("endpoint ready", metadata: ["address": "\(address(of: id))"])
            case .left(let id, let reason):
                logger.warning(
                    "endpoint not used",
                    metadata: ["address": "\(address(of: id))", "reason": "\(reason)"]
                )
                prompt.yield(id)
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

    /// Checks every endpoint at the configured interval, and probes at once those that were left,
    /// until the task is cancelled.
    func watch() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    let interval = self.state.withLock {
                        $0.pool.jittered(self.configuration.probeInterval)
                    }
                    guard (try? await self.clock.sleep(for: interval)) != nil else { return }
                    for id in self.state.withLock({ $0.pool.members.map(\.id) }) {
                        self.prompt.yield(id)
                    }
                }
            }
            if !resolution.withLock({ $0.names.isEmpty }) {
                group.addTask {
                    while !Task.isCancelled {
                        let interval = self.configuration.resolveInterval
                        guard (try? await self.clock.sleep(for: interval)) != nil else { return }
                        await self.resolve()
                    }
                }
            }
            for await id in prompts {
                guard let endpoint = state.withLock({ $0.endpoints[id] }) else { continue }
                group.addTask {
                    await self.probe(endpoint, timeout: self.configuration.probeTimeout)
                }
            }
        }
    }

    private func probe(_ endpoint: Endpoint, timeout: Duration) async {
        guard let wantsChunk = state.withLock({ $0.pool.beginProbe(endpoint.id, at: now()) })
        else { return }
        let (events, latency) = await endpoint.probe(
            model,
            timeout: timeout,
            chunk: wantsChunk ? probeChunk : nil,
            now: now
        )
        change {
            $0.endProbe(
                endpoint.id,
                Task.isCancelled ? [] : events,
                latency: latency,
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
        prompt.finish()
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
