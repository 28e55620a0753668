internal import GRPCTransport
internal import ModelBundle
internal import Wire

extension StubEncoderService {
    /// Answers one `ModelInferRequest`, in its time.
    /// - Throws: ``RPCError`` with Triton's codes and, where callers may look at them, its words.
    func infer(_ message: MessageBytes) async throws -> MessageBytes {
        let admitted: Admitted
        do throws(RPCError) {
            let request = try InferenceRequest(message)
            switch try policy(of: request.head.modelName) {
            case .carried: admitted = try admitCarried(request)
            case .resident: admitted = try admitResident(request)
            }
        } catch {
            state.withLock { $0.counts.refused += 1 }
            throw error
        }
        guard let end = admitted.end else {
            return try InferenceAnswer(to: admitted.request).messageBytes()
        }
        defer { leave() }
        do {
            try await alarm.wait(until: end)
        } catch {
            state.withLock { $0.counts.abandoned += 1 }
            throw error
        }
        guard admitted.fate != .failure else {
            throw admitted.request.error(.internal, "the encoder failed, as it was told to")
        }
        return try answer(admitted)
    }

    /// A request that is being run.
    struct Admitted {
        var request: InferenceRequest
        var fate = Schedule.Fate.success
        /// When it is done; nil when there is nothing to run.
        var end: Duration?
        /// What each row's stream has come to with it.
        var chains: [ChainHash] = []
        /// The outputs to answer with.
        var wanted: [Int] = []
    }

    private func admitCarried(_ request: InferenceRequest) throws(RPCError) -> Admitted {
        let tensors = try request.tensors(encoder.inputs, maximumBatch: encoder.maximumBatch)
        let wanted = try request.wanted(of: encoder.outputs)
        let contents = tensors.contents.compactMap(\.self)
        guard contents.count == encoder.inputs.count else {
            throw request.problem(
                "expected \(encoder.inputs.count) inputs but got \(contents.count) inputs"
            )
        }
        let states = Array(contents.dropFirst())
        var broken = 0
        let chains = (0..<tensors.rows).map { row in
            let features = encoder.description.features.row(row, of: tensors.rows, in: contents[0])
            let chain = standIn.chain(ofRow: row, of: tensors.rows, in: states)
            if chain == .broken { broken += 1 }
            return chain.followed(by: ChunkDigest(features))
        }
        let (now, brokenStates) = (alarm.time, broken)
        let result = state.withLock { state -> Result<Admitted, RPCError> in
            if let refusal = state.refusal(of: request) { return .failure(refusal) }
            state.counts.brokenStates += brokenStates
            var admitted = Admitted(request: request, wanted: wanted)
            admitted.chains = chains
            state.run(&admitted, rows: tensors.rows, now: now)
            return .success(admitted)
        }
        return try result.get()
    }

    private func admitResident(_ request: InferenceRequest) throws(RPCError) -> Admitted {
        let sequence = try request.sequence()
        let tensors = try request.tensors(encoder.inputs, maximumBatch: 1)
        let wanted = try request.wanted(of: encoder.outputs)
        var step = SequenceTable.Step()
        step.isStart = sequence.isStart
        step.isEnd = sequence.isEnd
        step.chunk = tensors.contents[0].map { ChunkDigest($0) }
        guard step.chunk != nil || (step.isEnd && !step.isStart) else {
            throw request.problem("expected input '\(encoder.inputs[0].name)'")
        }
        let states = tensors.contents.dropFirst().compactMap(\.self)
        guard states.isEmpty || (step.isStart && states.count == encoder.description.states.count)
        else {
            throw request.problem("expected all states, with the START flag, or none")
        }
        if !states.isEmpty { step.restored = standIn.chain(ofRow: 0, of: 1, in: states) }
        let now = alarm.time
        let result = state.withLock { [step] state in
            state.admit(request, sequence.id, step, wanted, now: now)
        }
        return try result.get()
    }

    private func answer(_ admitted: Admitted) throws -> MessageBytes {
        let outputs = admitted.chains.map { recording.output($0) }
        let unknown = outputs.count { $0 == nil }
        state.withLock { state in
            state.counts.requests += 1
            state.counts.batches += 1
            state.counts.rows += outputs.count
            state.counts.unknownChains += unknown
        }
        var answer = InferenceAnswer(to: admitted.request)
        var states: [MessageBytes]?
        for index in admitted.wanted {
            let description = encoder.outputs[index]
            let content: MessageBytes
            if index == 0 {
                content = description.batch(outputs.map { $0 ?? recording.fallback })
            } else {
                let known = states ?? standIn.contents(of: admitted.chains)
                states = known
                content = known[index - 1]
            }
            answer.append(description, rows: outputs.count, content)
        }
        return try answer.messageBytes()
    }

    private func leave() {
        let waiters = state.withLock { state in
            state.schedule.leave()
            return state.schedule.underWay == 0 ? state.takeDrainWaiters() : []
        }
        for waiter in waiters { waiter.resume() }
    }
}

extension StubEncoderService.State {
    /// Why no request can be taken.
    fileprivate func refusal(of request: InferenceRequest) -> RPCError? {
        if isDraining {
            return request.error(
                .unavailable,
                "Server is stopping, scheduler for model has stopped accepting new inference requests"
            )
        }
        return schedule.isFull ? request.error(.unavailable, "Exceeds maximum queue size") : nil
    }

    /// Draws what becomes of a request, and when it is done.
    fileprivate mutating func run(
        _ admitted: inout StubEncoderService.Admitted,
        rows: Int,
        now: Duration
    ) {
        admitted.fate = schedule.drawFate()
        admitted.end = schedule.enter(admitted.fate, rows: rows, now: now)
        switch admitted.fate {
        case .success: break
        case .failure: counts.drawnErrors += 1
        case .stall: counts.drawnStalls += 1
        }
    }

    fileprivate mutating func admit(
        _ request: InferenceRequest,
        _ sequence: Int64,
        _ step: SequenceTable.Step,
        _ wanted: [Int],
        now: Duration
    ) -> Result<StubEncoderService.Admitted, RPCError> {
        var admitted = StubEncoderService.Admitted(request: request, wanted: wanted)
        if step.chunk != nil, let refusal = refusal(of: request) { return .failure(refusal) }
        do throws(SequenceTable.Refusal) {
            try sequences.check(step, of: sequence, now: now)
        } catch {
            if step.isEnd { sequences.end(sequence) }
            switch error {
            case .unknownSequence:
                return .failure(request.unknownSequence(sequence))
            case .alreadyOpen:
                let problem = "sequence \(sequence) has begun already"
                return .failure(request.error(.alreadyExists, problem))
            case .noRoom:
                let problem = "all \(sequences.maximumSequences) places for sequences are taken"
                return .failure(request.error(.unavailable, problem))
            }
        }
        if step.chunk != nil {
            run(&admitted, rows: 1, now: now)
            // An encoder that fails leaves its sequence as it was; one that is late does not.
            if admitted.fate == .failure {
                if step.isEnd { sequences.end(sequence) }
                return .success(admitted)
            }
        } else {
            counts.requests += 1
        }
        admitted.chains = [sequences.take(step, of: sequence, now: now)].compactMap(\.self)
        if step.restored == .broken { counts.brokenStates += 1 }
        return .success(admitted)
    }
}
