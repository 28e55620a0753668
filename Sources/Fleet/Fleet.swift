internal import GRPCTransport
public import Logging
public import ModelBundle
internal import Synchronization

/// The Triton Inference Servers that run one encoder.
///
/// Knows tensors, not speech. Every endpoint is probed at an interval; a chunk goes to the ready
/// endpoints in turn. State is carried: it travels with each chunk, so any endpoint can take any
/// chunk, and one whose endpoint fails is sent to another.
public final class Fleet: Sendable {
    /// Names of the limits and intervals; each is configurable.
    public struct Configuration: Sendable, Equatable {
        /// How long an endpoint may take to run one chunk.
        public var inferTimeout: Duration = .seconds(2)
        /// Time between two probes of an endpoint.
        public var probeInterval: Duration = .seconds(1)
        /// How long each question of a probe may take to be answered.
        public var probeTimeout: Duration = .milliseconds(500)
        /// Probes that must fail in a row before an endpoint is left on their account.
        public var probeFailuresToLeave = 3

        public init() {}
    }

    /// Endpoints that a chunk is sent to before its stream is told that none can take it.
    public static let maximumAttempts = 2
    /// How long each question of the check at the start may take to be answered. Longer than a
    /// probe's: a server that has just started may be slow, and a misfit must not slip through.
    public static let checkTimeout = Duration.seconds(5)

    public let model: EncoderDescription
    public let configuration: Configuration
    /// Whether at least one endpoint is ready, and each change of it.
    public let readiness = Readiness()
    private let endpoints: [Endpoint]
    private let codec: InferenceCodec
    private let initialState: CarriedState
    /// Floats in an encoder frame.
    private let frameDimension: Int
    private let turn = Atomic<Int>(0)
    private let clock: any Clock<Duration>
    private let logger: Logger

    /// - Parameters:
    ///   - addresses: Each endpoint's `host:port`; at least one.
    ///   - clock: Spaces the probes.
    /// - Throws: ``FleetError`` when the model cannot be described in the protocol.
    public init(
        model: EncoderDescription,
        addresses: [String],
        configuration: Configuration,
        clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger
    ) throws(FleetError) {
        precondition(!addresses.isEmpty, "a fleet has at least one endpoint")
        self.model = model
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        do {
            codec = try InferenceCodec(model)
        } catch {
            throw FleetError(.incompatible, "model \"\(model.tritonModel)\": \(error)")
        }
        frameDimension = model.output.dimensionsWithoutBatch.last ?? 0
        initialState = CarriedState(zeroFor: model)
        let outputBytes = model.outputs.reduce(0) { $0 + $1.byteCountPerStream }
        endpoints = addresses.map {
            Endpoint(
                address: $0,
                maximumAnswerBytes: outputBytes + Self.answerOverheadBytes,
                probeFailuresToLeave: configuration.probeFailuresToLeave
            )
        }
    }

    /// Room in an answer for what is not tensor contents: names, shapes, parameters.
    private static let answerOverheadBytes = 1 << 20

    /// Probes every endpoint once.
    ///
    /// Called before the server opens, so that a model which does not fit its bundle is found at
    /// the start and not by the first caller. An endpoint that cannot be reached is no error: it
    /// may come later.
    /// - Throws: ``FleetError`` of kind `incompatible` naming the endpoint and what differs.
    public func check() async throws(FleetError) {
        let model = model
        let events = await withTaskGroup(of: (Endpoint, EndpointHealth.Event).self) { group in
            for endpoint in endpoints {
                group.addTask {
                    (endpoint, await endpoint.probe(model, timeout: Self.checkTimeout))
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        // Thrown before anything is logged: a server that does not start says why in one line.
        for case (let endpoint, .mismatchFound(let reason)) in events {
            throw FleetError(.incompatible, "\(endpoint.address): \(reason)")
        }
        for (endpoint, event) in events { note(event, at: endpoint) }
    }

    /// Probes every endpoint at the configured interval until the task is cancelled.
    public func watch() async {
        await withTaskGroup(of: Void.self) { group in
            for endpoint in endpoints {
                group.addTask {
                    while !Task.isCancelled {
                        guard
                            (try? await self.clock.sleep(for: self.configuration.probeInterval))
                                != nil
                        else { return }
                        await self.probe(endpoint)
                    }
                }
            }
        }
    }

    /// Closes the connections. Requests under way fail.
    public func close() {
        for endpoint in endpoints { endpoint.client.close() }
    }

    /// Each endpoint that is not used and why, in one line; empty when all are.
    public var complaints: String {
        endpoints.compactMap(\.complaint).joined(separator: "; ")
    }

    /// The state of a stream that has not begun: all zeros.
    public func makeState() -> CarriedState { initialState }

    /// Runs one chunk of one stream.
    ///
    /// - Parameters:
    ///   - features: `[1, chunk frames, bins]`, row-major.
    ///   - state: What the stream's last chunk left behind; afterwards, what this one did.
    ///     Unchanged when an error is thrown, so the chunk can be run again.
    /// - Returns: The encoder's frames, `[1, encoder frames, dimension]`, row-major.
    /// - Throws: ``FleetError``.
    public func encode(
        _ features: [Float],
        state: inout CarriedState
    ) async throws(FleetError) -> EncoderOutput {
        let featureBytes = features.withUnsafeBytes { MessageBytes(copying: $0) }
        precondition(
            featureBytes.count == model.features.byteCountPerStream,
            "a chunk has a fixed size"
        )
        let request = codec.request([featureBytes] + state.contents)
        let answer = try await run(request)
        var outputs = try codec.outputs(of: answer)
        let output = EncoderOutput(outputs.removeFirst(), dimension: frameDimension)
        state = CarriedState(outputs)
        return output
    }

    private func run(_ request: MessageBytes) async throws(FleetError) -> MessageBytes {
        var tried: [Endpoint] = []
        var lastError: FleetError?
        while tried.count < Self.maximumAttempts, let endpoint = nextReady(except: tried) {
            tried.append(endpoint)
            do {
                return try await endpoint.client.modelInfer(
                    request,
                    timeout: configuration.inferTimeout
                )
            } catch {
                if Task.isCancelled {
                    throw FleetError(.cancelled, "the stream was cancelled")
                }
                lastError = failure(error, at: endpoint)
            }
        }
        throw lastError
            ?? FleetError(
                .unavailable,
                "no inference server is ready to run it (\(complaints))"
            )
    }

    private func failure(_ error: RPCError, at endpoint: Endpoint) -> FleetError {
        let message = "\(endpoint.address): \(error.code): \(error.message)"
        switch error.code {
        case .unavailable, .cancelled, .notFound:
            // A server that is being stopped unloads its models, answers NOT_FOUND for them, and
            // ends the calls that it still has as CANCELLED.
            note(.requestFailed(reason: "\(error.code): \(error.message)"), at: endpoint)
            return FleetError(.unavailable, message)
        case .deadlineExceeded:
            // Left until a probe finds it well: the next chunk would wait as long.
            note(
                .requestFailed(reason: "took longer than \(configuration.inferTimeout)"),
                at: endpoint
            )
            return FleetError(
                .deadlineExceeded,
                "\(endpoint.address): took longer than \(configuration.inferTimeout)"
            )
        default:
            return FleetError(.backendFailure, message)
        }
    }

    private func nextReady(except tried: [Endpoint]) -> Endpoint? {
        let first = turn.wrappingAdd(1, ordering: .relaxed).newValue & Int.max
        for offset in 0..<endpoints.count {
            let endpoint = endpoints[(first % endpoints.count + offset) % endpoints.count]
            if endpoint.isReady, !tried.contains(where: { $0 === endpoint }) { return endpoint }
        }
        return nil
    }

    private func probe(_ endpoint: Endpoint) async {
        let event = await endpoint.probe(model, timeout: configuration.probeTimeout)
        guard !Task.isCancelled else { return }
        note(event, at: endpoint)
    }

    private func note(_ event: EndpointHealth.Event, at endpoint: Endpoint) {
        guard endpoint.handle(event) else { return }
        if let complaint = endpoint.complaint {
            logger.warning("endpoint not used", metadata: ["reason": "\(complaint)"])
        } else {
            logger.info("endpoint ready", metadata: ["address": "\(endpoint.address)"])
        }
        readiness.update { endpoints.contains(where: \.isReady) }
    }
}
