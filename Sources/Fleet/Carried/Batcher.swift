internal import GRPCTransport
internal import Logging
internal import ModelBundle
internal import Synchronization

/// Has chunks of many streams share requests: the owner of a ``BatchQueue``, which decides, while this
/// does.
///
/// The queue and the pool of endpoints decide together, so that the pool's lock is taken within the
/// queue's; never the other way, and nothing is done under them but to start and to cancel tasks.
final class Batcher: Sendable {
    /// A stream's part of an answer.
    struct Row: Sendable {
        /// Contents of the whole batch, in the order of ``EncoderDescription/outputs``.
        var outputs: [MessageBytes]
        var index: Int
        /// Rows of the batch.
        var count: Int
    }

    /// A chunk whose stream waits for it.
    private struct Waiter {
        /// One content an input, in the order of ``EncoderDescription/inputs``.
        var contents: [MessageBytes]
        var continuation: CheckedContinuation<Result<Row, FleetError>, Never>
    }

    private struct Timer {
        var time: Duration
        var task: Task<Void, Never>
    }

    private struct State {
        var queue: BatchQueue
        var waiters: [BatchQueue.ChunkID: Waiter] = [:]
        var requests: [Lease: Task<Void, Never>] = [:]
        var timer: Timer?
        var isClosed = false
    }

    /// A request to be sent.
    private struct Batch: Sendable {
        var chunks: [BatchQueue.ChunkID]
        var rows: [[MessageBytes]]
        var lease: Lease
        var timeout: Duration
        var wasCutShort: Bool
    }

    /// What is left to do once no lock is held.
    private struct Deeds {
        var endings: [(Waiter, Result<Row, FleetError>)] = []
        var cancellations: [Task<Void, Never>] = []
        var changes: [EndpointPool.Change] = []
        var splits: [(count: Int, error: FleetError)] = []
    }

    private let endpoints: EndpointSet
    private let codec: InferenceCodec
    private let state: Mutex<State>
    private let nextChunk = Atomic<BatchQueue.ChunkID>(0)

    init(_ endpoints: EndpointSet, _ codec: InferenceCodec) {
        self.endpoints = endpoints
        self.codec = codec
        let configuration = endpoints.configuration
        var settings = BatchQueue.Settings(
            configuration.batching,
            inferTimeout: configuration.inferTimeout,
            patience: configuration.patience
        )
        settings.isHedging = configuration.hedging
        state = Mutex(State(queue: BatchQueue(settings)))
        endpoints.observe { [weak self] change in
            guard case .admitted = change else { return }
            self?.update { _, _, _ in [] }
        }
    }

    var statistics: BatchStatistics { state.withLock { $0.queue.statistics } }

    /// Runs one chunk with others. At most one of a stream at a time: this is what bounds the queue.
    ///
    /// - Parameter contents: one an input, in the order of ``EncoderDescription/inputs``.
    func run(_ contents: [MessageBytes]) async throws(FleetError) -> Row {
        let id = nextChunk.wrappingAdd(1, ordering: .relaxed).newValue
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = Waiter(contents: contents, continuation: continuation)
                var refusal: FleetError?
                update { state, _, now in
                    if state.isClosed {
                        refusal = .closed
                    } else if Task.isCancelled {
                        // Looked at under the lock, which the handler takes after this was set: if
                        // it is not seen here, the handler finds the chunk.
                        refusal = .cancelled
                    } else {
                        state.waiters[id] = waiter
                        state.queue.add(id, at: now)
                    }
                    return []
                }
                if let refusal { continuation.resume(returning: .failure(refusal)) }
            }
        } onCancel: {
            update { state, pool, now in
                guard state.waiters[id] != nil else { return [] }
                return state.queue.remove(id, &pool, at: now) + [.fail(id, .cancelled)]
            }
        }
        return try result.get()
    }

    /// Ends every chunk, and takes no more.
    func close() {
        let timer = state.withLock { state in
            state.isClosed = true
            return state.timer.take()
        }
        timer?.task.cancel()
        update { state, pool, now in
            state.waiters.keys.flatMap { id in
                state.queue.remove(id, &pool, at: now) + [.fail(id, .closed)]
            }
        }
    }

    // MARK: Decisions

    /// Tells the queue of an event and does what it says.
    ///
    /// - Parameter answer: what a request among those that end now was answered with.
    private func update(
        answer: (outputs: [MessageBytes], chunks: [BatchQueue.ChunkID])? = nil,
        _ event: (inout State, inout EndpointPool, Duration) -> [BatchQueue.Action]
    ) {
        let (deeds, wakeTime) = state.withLock { state in
            let now = endpoints.now()
            let (actions, wakeTime) = endpoints.withPool { pool in
                var actions = event(&state, &pool, now)
                actions += state.queue.advance(&pool, at: now)
                return (actions, state.queue.wakeTime(pool, at: now))
            }
            return (prepare(actions, answer, &state), wakeTime)
        }
        // Told first: whoever learns how a chunk ended may look at the endpoints next.
        endpoints.tell(deeds.changes)
        for (waiter, result) in deeds.endings { waiter.continuation.resume(returning: result) }
        for task in deeds.cancellations { task.cancel() }
        if let wakeTime { wake(at: wakeTime) }
        for (count, error) in deeds.splits {
            endpoints.logger.warning(
                "a request failed; its chunks go on in halves",
                metadata: ["chunks": "\(count)", "error": "\(error)"]
            )
        }
    }

    private func prepare(
        _ actions: [BatchQueue.Action],
        _ answer: (outputs: [MessageBytes], chunks: [BatchQueue.ChunkID])?,
        _ state: inout State
    ) -> Deeds {
        var deeds = Deeds()
        for action in actions {
            switch action {
            case .send(let chunks, let lease, let timeout):
                let settings = state.queue.settings
                let batch = Batch(
                    chunks: chunks,
                    rows: chunks.compactMap { state.waiters[$0]?.contents },
                    lease: lease,
                    timeout: timeout,
                    wasCutShort: timeout < min(settings.inferTimeout, settings.patience)
                )
                precondition(batch.rows.count == chunks.count, "every chunk has a stream")
                state.requests[lease] = Task { await self.send(batch) }
            case .finish(let chunks):
                guard let answer else { preconditionFailure("chunks end with an answer") }
                for (index, id) in answer.chunks.enumerated() where chunks.contains(id) {
                    guard let waiter = state.waiters.removeValue(forKey: id) else { continue }
                    let row = Row(
                        outputs: answer.outputs,
                        index: index,
                        count: answer.chunks.count
                    )
                    deeds.endings.append((waiter, .success(row)))
                }
            case .fail(let id, let error):
                guard let waiter = state.waiters.removeValue(forKey: id) else { continue }
                deeds.endings.append((waiter, .failure(error)))
            case .cancel(let lease):
                if let task = state.requests.removeValue(forKey: lease) {
                    deeds.cancellations.append(task)
                }
            case .split(let count, let error):
                deeds.splits.append((count, error))
            case .changed(let changes):
                deeds.changes += changes
            }
        }
        return deeds
    }

    /// Sees to it that the queue is asked again then. A timer that is early enough stays: it is set
    /// anew when it has gone off.
    private func wake(at time: Duration) {
        let replaced = state.withLock { state -> Task<Void, Never>? in
            if let timer = state.timer, timer.time <= time { return nil }
            guard !state.isClosed else { return nil }
            let replaced = state.timer?.task
            let clock = endpoints.clock
            let wait = max(time - endpoints.now(), .zero)
            let task = Task { [weak self] in
                guard (try? await clock.sleep(for: wait)) != nil else { return }
                self?.update { state, _, _ in
                    if state.timer?.time == time { state.timer = nil }
                    return []
                }
            }
            state.timer = Timer(time: time, task: task)
            return replaced
        }
        replaced?.cancel()
    }

    // MARK: Requests

    private func send(_ batch: Batch) async {
        let lease = batch.lease
        guard let endpoint = endpoints.endpoint(lease.endpoint) else {
            let reason = "removed from the endpoints"
            return lose(batch, reason, FleetError(.unavailable, "the endpoint was \(reason)"))
        }
        let answer: MessageBytes
        do {
            answer = try await endpoint.client.modelInfer(
                codec.request(rows: batch.rows),
                timeout: batch.timeout
            )
        } catch {
            switch RequestFault(error, at: endpoint.address, timeout: batch.timeout) {
            case .lost(let reason, let fault):
                lose(batch, reason, fault, hasTimedOut: error.code == .deadlineExceeded)
            case .refused(let reason, let fault):
                refuse(batch, reason, fault)
            }
            return
        }
        do {
            let outputs = try codec.outputs(of: answer, rows: batch.rows.count)
            update(answer: (outputs, batch.chunks)) { state, pool, now in
                state.requests[lease] = nil
                return state.queue.answered(lease, &pool, at: now)
            }
        } catch {
            refuse(batch, "\(endpoint.address): \(error.message)", error)
        }
    }

    private func lose(
        _ batch: Batch,
        _ reason: String,
        _ error: FleetError,
        hasTimedOut: Bool = false
    ) {
        update { state, pool, now in
            state.requests[batch.lease] = nil
            return state.queue.lost(
                batch.lease,
                reason: reason,
                error,
                wasCutShort: hasTimedOut && batch.wasCutShort,
                &pool,
                at: now
            )
        }
    }

    private func refuse(_ batch: Batch, _ reason: String, _ error: FleetError) {
        update { state, pool, now in
            state.requests[batch.lease] = nil
            return state.queue.refused(batch.lease, reason: reason, error, &pool, at: now)
        }
    }
}

extension FleetError {
    fileprivate static let closed = FleetError(.unavailable, "the fleet was closed")
}
