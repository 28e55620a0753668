internal import GRPCTransport
internal import MessageCoding
internal import SwiftProtobuf
internal import Wire

/// Stands in for a Triton Inference Server with an encoder: speaks its protocol (KServe v2 on gRPC)
/// and answers with what was recorded from a real one, after a time that is set.
///
/// Both of an encoder's models are served, or one of them: that which takes and gives the states
/// with each chunk, in batches, and that which keeps the states of its sequences. What a chunk is
/// answered with depends on everything that its stream had encoded before it, by way of the states,
/// as with a real encoder: a stream whose state is lost, swapped or reset gets silence, and is
/// counted.
public final class StubEncoderServer: Sendable {
    public struct Configuration: Sendable {
        /// "host:port"; port 0 takes any free one, which ``StubEncoderServer/port`` tells.
        public var listenAddress = "127.0.0.1:0"
        /// The models that are served.
        public var policies = Set(ServedEncoder.Policy.allCases)
        public var schedule = Schedule.Settings()
        /// What is drawn (jitter, errors, stalls) is drawn from it.
        public var seed: UInt64 = 1
        /// Sequences that the resident model keeps at a time.
        public var maximumSequences = 16_384
        /// A sequence without a request for longer is reaped.
        public var maximumSequenceIdle = Duration.seconds(60)

        public init() {}
    }

    /// The one version that the models have.
    static let modelVersion = "1"

    /// The port it listens on.
    public let port: Int
    private let service: StubEncoderService
    private let server: Server

    /// Listens, and serves from the moment this returns.
    /// - Throws: ``StubEncoderError`` when the recording is of another encoder, ``RPCError`` when
    ///   the address cannot be had.
    public init(
        encoder: ServedEncoder,
        recording: EncoderRecording,
        configuration: Configuration = Configuration(),
        clock: some Clock<Duration> = ContinuousClock()
    ) throws {
        try recording.check(against: encoder)
        let service = StubEncoderService(
            encoder: encoder,
            recording: recording,
            configuration: configuration,
            clock: clock
        )
        var transport = Server.Configuration()
        transport.listenAddress = configuration.listenAddress
        let largestBatch = encoder.maximumBatch * encoder.byteCountPerRow
        transport.maximumReceivedMessageBytes = largestBatch + Self.requestOverheadBytes
        transport.unreadBytesPerStream = Self.unreadBytesPerStream
        transport.maximumCallsPerConnection = Self.maximumCallsPerConnection
        transport.maximumBufferedBytes = Self.maximumBufferedBytes
        server = try Server(
            configuration: transport,
            methods: [
                Self.path("ServerReady"): Self.unary(service.serverReady),
                Self.path("ModelReady"): Self.unary(service.modelReady),
                Self.path("ModelMetadata"): Self.unary(service.modelMetadata),
                Self.path("ModelConfig"): Self.unary(service.modelConfig),
                Self.path("ModelInfer"): { call in
                    guard let message = try await call.next() else { return }
                    try await call.send(try await service.infer(message))
                },
            ]
        )
        self.service = service
        port = server.port
    }

    /// What it has served.
    public var counts: StubEncoderCounts { service.counts }

    /// Says that it is not ready and takes no more chunks, finishes those that it has, at most for
    /// the grace period, and closes.
    public func shutdown(gracePeriod: Duration) async {
        let deadline = ContinuousClock.now + gracePeriod
        await service.drain(gracePeriod: gracePeriod)
        // What has been answered may still be on its way to the transport.
        await server.shutdown(gracePeriod: max(.zero, deadline - .now))
    }

    /// Room in a request for what is not tensor contents.
    private static let requestOverheadBytes = 1 << 20
    /// A batch's states come in at a stretch, not a window at a time.
    private static let unreadBytesPerStream = 1 << 20
    /// As many chunks as may wait for the encoder may wait on one connection.
    private static let maximumCallsPerConnection = 65_536
    /// Of all connections: 64 requests of 64 rows whose states take 319 KB.
    private static let maximumBufferedBytes = 1_400 << 20

    private static func path(_ method: String) -> String {
        "/inference.GRPCInferenceService/\(method)"
    }

    private static func unary<Request: SwiftProtobuf.Message, Response: SwiftProtobuf.Message>(
        _ answer: @escaping @Sendable (Request) throws(RPCError) -> Response
    ) -> Server.Handler {
        { call in
            guard let message = try await call.next() else { return }
            let request: Request
            do {
                request = try Request(parsing: message)
            } catch {
                throw RPCError(.invalidArgument, "the request is malformed: \(error)")
            }
            try await call.send(try answer(request).messageBytes())
        }
    }
}
