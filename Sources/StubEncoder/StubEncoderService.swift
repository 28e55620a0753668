internal import GRPCTransport
internal import ModelBundle
internal import SwiftProtobuf
internal import Wire

/// The calls of the inference protocol on one encoder, without a network.
final class StubEncoderService: Sendable {
    let encoder: ServedEncoder
    let recording: EncoderRecording
    let standIn: StandInState
    /// The models that are served, by name.
    private let policies: [String: ServedEncoder.Policy]
    private let platform = "stub-encoder"
    let alarm: Alarm

    struct State {
        var schedule: Schedule
        var sequences: SequenceTable
        var counts = StubEncoderCounts()
        var isDraining = false
        var drainWaiters: [CheckedContinuation<Void, Never>] = []
    }

    let state: Guarded<State>

    init(
        encoder: ServedEncoder,
        recording: EncoderRecording,
        configuration: StubEncoderServer.Configuration,
        clock: some Clock<Duration>
    ) {
        self.encoder = encoder
        self.recording = recording
        standIn = StandInState(encoder.description)
        policies = Dictionary(
            uniqueKeysWithValues: configuration.policies.map { (encoder.name($0), $0) }
        )
        alarm = Alarm(clock)
        state = Guarded(
            State(
                schedule: Schedule(configuration.schedule, seed: configuration.seed),
                sequences: SequenceTable(
                    maximumSequences: configuration.maximumSequences,
                    maximumIdle: configuration.maximumSequenceIdle
                )
            )
        )
    }

    var counts: StubEncoderCounts {
        let now = alarm.time
        return state.withLock { state in
            state.sequences.reap(now: now)
            var counts = state.counts
            counts.sequences = state.sequences.counts
            counts.openSequences = state.sequences.openCount
            return counts
        }
    }

    /// Returns when the requests under way have been answered, or after the grace period.
    func drain(gracePeriod: Duration) async {
        state.withLock { $0.isDraining = true }
        let expiry = Task {
            // Real time: it is what an operator may wait.
            guard (try? await Task.sleep(for: gracePeriod)) != nil else { return }
            for waiter in self.state.withLock({ $0.takeDrainWaiters() }) { waiter.resume() }
        }
        await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
            let isIdle = state.withLock { state in
                if state.schedule.underWay > 0 { state.drainWaiters.append(waiter) }
                return state.schedule.underWay == 0
            }
            if isIdle { waiter.resume() }
        }
        expiry.cancel()
    }

    func policy(of model: String) throws(RPCError) -> ServedEncoder.Policy {
        guard let policy = policies[model] else {
            throw RPCError(.notFound, "Request for unknown model: '\(model)' is not found")
        }
        return policy
    }

    private var isReady: Bool { state.withLock { !$0.isDraining } }

    func serverReady(_ request: Inference_ServerReadyRequest) -> Inference_ServerReadyResponse {
        .with { $0.ready = isReady }
    }

    func modelReady(_ request: Inference_ModelReadyRequest) -> Inference_ModelReadyResponse {
        .with { $0.ready = isReady && policies[request.name] != nil }
    }

    func modelMetadata(
        _ request: Inference_ModelMetadataRequest
    ) throws(RPCError) -> Inference_ModelMetadataResponse {
        _ = try policy(of: request.name)
        func metadata(
            _ tensor: TensorDescription
        ) -> Inference_ModelMetadataResponse.TensorMetadata {
            .with {
                $0.name = tensor.name
                $0.datatype = tensor.datatype.rawValue
                $0.shape = tensor.shape(rows: -1)
            }
        }
        return .with {
            $0.name = request.name
            $0.versions = [StubEncoderServer.modelVersion]
            $0.platform = platform
            $0.inputs = encoder.inputs.map(metadata)
            $0.outputs = encoder.outputs.map(metadata)
        }
    }

    func modelConfig(
        _ request: Inference_ModelConfigRequest
    ) throws(RPCError) -> Inference_ModelConfigResponse {
        _ = try policy(of: request.name)
        return .with {
            $0.config = .with {
                $0.name = request.name
                $0.platform = platform
                $0.maxBatchSize = Int32(clamping: encoder.maximumBatch)
                if !encoder.weights.isEmpty {
                    $0.parameters["weights"] = .with { $0.stringValue = encoder.weights }
                }
            }
        }
    }
}

extension StubEncoderService.State {
    /// Who waits for the end of the requests under way.
    mutating func takeDrainWaiters() -> [CheckedContinuation<Void, Never>] {
        defer { drainWaiters = [] }
        return drainWaiters
    }
}
