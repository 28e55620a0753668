internal import GRPCTransport
internal import Synchronization

/// Ends sequences of Triton's that nobody needs any more, so that their places there become free:
/// in the background, since no stream waits for it.
///
/// An endpoint that admits no work is told too, since one that is being stopped waits for it; but once
/// such an endpoint has not answered, its sequences wait until it admits again. Those of an ejected one
/// always do. What cannot be sent is dropped, and Triton gives the sequence up once it has been idle
/// for long.
final class Farewells: Sendable {
    /// Sequences that wait to be ended. Beyond it, the longest waiting one whose endpoint admits no
    /// work is dropped, or else the new one.
    static let maximumWaiting = 4096
    /// Requests under way.
    static let maximumConcurrent = 16
    static let timeout = Duration.seconds(1)
    /// How long ``drain()`` waits.
    static let drainTimeout = Duration.seconds(2)

    private struct Farewell {
        var endpoint: Endpoint
        var sequenceID: UInt64
    }

    private struct State {
        /// Those that can be sent, first come first served.
        var ready: [Farewell] = []
        /// Those that wait for their endpoints to admit work.
        var parked: [Farewell] = []
        /// Endpoints that admitted no work, and have not answered since.
        var silent: Set<EndpointID> = []
        var runningCount = 0
        var counts = Counts()
        var isClosed = false

        var isIdle: Bool { ready.isEmpty && runningCount == 0 }
    }

    struct Counts: Sendable, Equatable {
        /// Sequences whose end was answered, with an error if they were unknown.
        var ended = 0
        /// Sequences whose end could not be sent, or was not answered.
        var dropped = 0
    }

    private let endpoints: EndpointSet
    private let codec: SequenceCodec
    private let state = Mutex(State())
    /// Whether everything that can be sent is sent and answered.
    private let idleness = Readiness()

    init(_ endpoints: EndpointSet, _ codec: SequenceCodec) {
        self.endpoints = endpoints
        self.codec = codec
        idleness.update { true }
        endpoints.observe { [weak self] change in
            switch change {
            case .admitted(let id), .left(let id, _): self?.resume(id)
            case .suspected, .cleared: break
            }
        }
    }

    var counts: Counts { state.withLock { $0.counts } }

    /// Ends a sequence, some time soon.
    func send(_ sequenceID: UInt64, to endpoint: Endpoint) {
        state.withLock { state in
            guard !state.isClosed else { return }
            if state.ready.count + state.parked.count >= Self.maximumWaiting {
                state.counts.dropped += 1
                guard !state.parked.isEmpty else { return }
                state.parked.removeFirst()
            }
            state.ready.append(Farewell(endpoint: endpoint, sequenceID: sequenceID))
        }
        work()
    }

    /// Waits until what can be sent is sent and answered, for ``drainTimeout`` at most.
    func drain() async {
        let changes = idleness.changes()
        let clock = endpoints.clock
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await isIdle in changes where isIdle { return } }
            group.addTask { try? await clock.sleep(for: Self.drainTimeout) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Nothing is sent from here on.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.counts.dropped += state.ready.count + state.parked.count
            state.ready = []
            state.parked = []
        }
        updateIdleness()
    }

    /// Sends what waits for an endpoint, if that admits work now or is removed: one that is removed
    /// may be well.
    private func resume(_ id: EndpointID) {
        guard !endpoints.isMember(id) || endpoints.isAdmitting(id) else { return }
        state.withLock { state in
            state.silent.remove(id)
            state.ready += state.parked.filter { $0.endpoint.id == id }
            state.parked.removeAll { $0.endpoint.id == id }
        }
        work()
    }

    /// Starts a task for what waits, if there may be another one.
    private func work() {
        let starts = state.withLock { state in
            guard !state.ready.isEmpty, state.runningCount < Self.maximumConcurrent else {
                return false
            }
            state.runningCount += 1
            return true
        }
        updateIdleness()
        guard starts else { return }
        Task {
            while let farewell = next() { await send(farewell) }
            updateIdleness()
        }
    }

    private func next() -> Farewell? {
        state.withLock { state in
            guard !state.ready.isEmpty else {
                state.runningCount -= 1
                return nil
            }
            return state.ready.removeFirst()
        }
    }

    private func send(_ farewell: Farewell) async {
        let id = farewell.endpoint.id
        let mayBeSilent = endpoints.isMember(id) && !endpoints.isAdmitting(id)
        if mayBeSilent, endpoints.isEjected(id) || state.withLock({ $0.silent.contains(id) }) {
            return park(farewell)
        }
        let wasAnswered: Bool
        do {
            _ = try await farewell.endpoint.client.modelInfer(
                codec.end(sequenceID: farewell.sequenceID),
                timeout: Self.timeout
            )
            wasAnswered = true
        } catch {
            wasAnswered = SequenceCodec.saysUnknown(error, sequenceID: farewell.sequenceID)
        }
        if !wasAnswered, mayBeSilent {
            state.withLock { _ = $0.silent.insert(id) }
            return park(farewell)
        }
        state.withLock {
            if wasAnswered { $0.counts.ended += 1 } else { $0.counts.dropped += 1 }
        }
    }

    private func park(_ farewell: Farewell) {
        state.withLock { state in
            if !state.isClosed { state.parked.append(farewell) }
        }
        // It may have been admitted before that was parked.
        resume(farewell.endpoint.id)
    }

    private func updateIdleness() {
        idleness.update { state.withLock { $0.isIdle } }
    }
}
