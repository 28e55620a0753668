public import GRPCTransport
public import Logging
public import ModelBundle

/// The Triton Inference Servers that run one encoder: a load balancer that knows what a stream is.
///
/// Knows tensors, not speech. Every endpoint is checked at an interval and judged by what it makes of
/// its work; a chunk goes to an endpoint that admits work, and to another one when that fails.
public final class Fleet: Sendable {
    /// Names of the limits and intervals; each is configurable.
    public struct Configuration: Sendable {
        /// How long an endpoint may take to run one chunk.
        public var inferTimeout: Duration = .seconds(2)
        /// How long a chunk may wait in all, over attempts and for an endpoint that admits work,
        /// before its stream is told that it cannot go on.
        public var patience: Duration = .seconds(15)
        /// For how long new streams are taken, and wait, once no endpoint admits work any more.
        public var grace: Duration = .seconds(5)
        /// Time between two lookups of the names among the endpoints.
        public var resolveInterval: Duration = .seconds(10)
        /// Time between two checks of an endpoint, give or take a fifth.
        public var probeInterval: Duration = .seconds(1)
        /// How long each question of a check may take to be answered.
        public var probeTimeout: Duration = .milliseconds(500)
        /// Connections to each endpoint.
        public var channelsPerEndpoint = 2
        /// Settings of each connection.
        public var transport = Channel.Configuration()
        /// How chunks of many streams share requests.
        public var batching = Batching()
        /// Whether a request that takes longer than nineteen of twenty is sent once more, to another
        /// endpoint, within the budget of retries; the first answer counts. Where states travel.
        public var hedging = false
        /// For a model that keeps streams' states: a snapshot comes with every so many chunks, at
        /// least 1. More of them cost more traffic; fewer cost more memory, and time when a stream
        /// must go on elsewhere, since the chunks since the last one are kept and run again.
        public var snapshotInterval = 10
        /// Memory for the snapshots, and the chunks since, of all streams together. A stream that
        /// would go beyond it does not begin.
        public var maximumSnapshotBytes = 4 << 30
        package var pool = EndpointPool.Settings()
        package var admission = AdmissionControl.Settings()
        package var rebalancing = Rebalancer.Settings()

        public init() {
            transport.maximumReconnectBackoff = .seconds(1)
        }
    }

    /// How long each question of the check at the start may take to be answered. Longer than a
    /// check's later on: a server that has just started may be slow, and a misfit must not slip
    /// through.
    public static let checkTimeout = Duration.seconds(5)

    public let model: EncoderDescription
    public let configuration: Configuration
    let endpoints: EndpointSet
    let admission: Admission
    let policy: Policy

    /// Where streams' states are, and what it takes to begin a stream there.
    enum Policy {
        case carried(Batcher, InferenceCodec, initialState: CarriedState)
        case resident(ResidentStreams)
    }

    /// - Parameters:
    ///   - addresses: At least one: `host:port`, or `dns:host:port` for every address of a name.
    /// - Throws: ``FleetError`` when the model cannot be described in the protocol, or what is given
    ///   is no address.
    public convenience init(
        model: EncoderDescription,
        addresses: [String],
        configuration: Configuration,
        logger: Logger
    ) throws(FleetError) {
        try self.init(
            model: model,
            addresses: addresses,
            configuration: configuration,
            clock: ContinuousClock(),
            logger: logger
        )
    }

    /// - Parameters:
    ///   - seed: Of the chance that balances requests and spreads checks.
    ///   - resolver: Looks names up.
    ///   - clock: Spaces the checks and times requests.
    package init<C: Clock>(
        model: EncoderDescription,
        addresses: [String],
        configuration: Configuration,
        seed: UInt64 = .random(in: .min ... .max),
        resolver: any AddressResolver = SystemAddressResolver(),
        clock: C,
        logger: Logger
    ) throws(FleetError) where C.Duration == Duration {
        precondition(!addresses.isEmpty, "a fleet has at least one endpoint")
        var sources: [EndpointSource] = []
        for address in addresses {
            do {
                sources.append(try EndpointSource(address))
            } catch {
                throw FleetError(.incompatible, error.description)
            }
        }
        self.model = model
        var configuration = configuration
        let codec: InferenceCodec
        let sequenceCodec: SequenceCodec
        do {
            codec = try InferenceCodec(
                model,
                maximumBatch: configuration.batching.maximumBatch
            )
            sequenceCodec = try SequenceCodec(model)
        } catch {
            throw FleetError(.incompatible, "model \"\(model.tritonModel)\": \(error)")
        }
        configuration.transport.maximumReceivedMessageBytes =
            codec.maximumAnswerByteCount + Self.answerOverheadBytes
        self.configuration = configuration
        let initialState = CarriedState(zeroFor: model)
        let probeChunk =
            switch model.statePolicy {
            case .carried:
                ProbeChunk(
                    makeRequest: { codec.request([codec.zeroChunk] + initialState.contents) },
                    timeout: configuration.inferTimeout,
                    check: { _ = try codec.outputs(of: $0) }
                )
            case .resident:
                ProbeChunk(
                    makeRequest: {
                        sequenceCodec.probe(sequenceID: ResidentStreams.freshSequenceID())
                    },
                    timeout: configuration.inferTimeout,
                    check: { _ = try sequenceCodec.read($0, wantsState: false) }
                )
            }
        endpoints = EndpointSet(
            model: model,
            sources: sources,
            resolver: resolver,
            configuration: configuration,
            probeChunk: probeChunk,
            seed: seed,
            clock: clock,
            logger: logger
        )
        var limits = configuration.admission
        limits.chunkShift = model.chunkShiftDuration
        let admission = Admission(limits, now: endpoints.now)
        self.admission = admission
        endpoints.observe { change in
            if case .admitted = change { admission.forgetCapacity() }
        }
        policy =
            switch model.statePolicy {
            case .carried:
                .carried(Batcher(endpoints, codec), codec, initialState: initialState)
            case .resident: .resident(ResidentStreams(endpoints, sequenceCodec))
            }
    }

    /// Room in an answer for what is not tensor contents: names, shapes, parameters.
    private static let answerOverheadBytes = 1 << 20

    /// Whether at least one endpoint admits work, and each change of it.
    public var readiness: Readiness { endpoints.readiness }

    /// Whether a stream that begins now can hope to be run: an endpoint admits work, or did a moment
    /// ago.
    public var isAvailable: Bool { endpoints.isAvailable }

    /// Probes every endpoint once.
    ///
    /// Called before the server opens, so that a model which does not fit its bundle is found at
    /// the start and not by the first caller. An endpoint that cannot be reached is no error: it
    /// may come later.
    /// - Throws: ``FleetError`` of kind `incompatible` naming the endpoint and what differs.
    public func check() async throws(FleetError) {
        try await endpoints.check()
    }

    /// Checks every endpoint at the configured interval until the task is cancelled.
    public func watch() async {
        await endpoints.watch()
    }

    /// Waits, for a moment at most, until the endpoints have been told of the streams that have
    /// ended. To be called between the last stream's end and ``close()``.
    public func drain() async {
        if case .resident(let streams) = policy { await streams.farewells.drain() }
    }

    /// Closes the connections. Requests under way, and chunks that wait, fail.
    public func close() {
        switch policy {
        case .carried(let batcher, _, _): batcher.close()
        case .resident(let streams): streams.farewells.close()
        }
        endpoints.close()
    }

    /// How the streams fare whose states stay on the endpoints; nil where states are carried.
    var residentReport: ResidentReport? {
        if case .resident(let streams) = policy { streams.report } else { nil }
    }

    /// Each endpoint that gets no work and why, in one line; empty when all do.
    public var complaints: String { endpoints.complaints }

    /// How chunks have come to share requests; nil where states are resident.
    public var batchStatistics: BatchStatistics? {
        if case .carried(let batcher, _, _) = policy { batcher.statistics } else { nil }
    }

    /// Begins a stream.
    ///
    /// - Throws: ``FleetError`` of kind `overloaded` when those that run already would suffer.
    public func openStream() throws(FleetError) -> any EncoderStream {
        try admission.open()
        let stream: any EncoderStream
        switch policy {
        case .carried(let batcher, let codec, let initialState):
            stream = CarriedStream(batcher, codec, state: initialState)
        case .resident(let streams):
            do {
                stream = try streams.open()
            } catch {
                admission.close()
                throw error
            }
        }
        return AdmittedStream(stream, admission)
    }
}
