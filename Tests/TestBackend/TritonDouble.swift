public import GRPCTransport
internal import MessageCoding
internal import SwiftProtobuf
internal import Synchronization
public import TestSupport
public import Wire

/// Stands in for a Triton Inference Server that serves ``TinyEncoder``: on a real port, over the
/// real transport, well or badly as ``Conduct`` says. For scale and for faults; what Triton itself
/// does is tested with Triton itself.
public final class TritonDouble: Sendable {
    /// How it answers; may be changed at any time.
    public struct Conduct: Sendable {
        public var isServerReady = true
        public var isModelReady = true
        public var metadata = TinyEncoder.metadata
        /// Of the model's configuration; nil when it does not name them.
        public var weights: String?
        /// Whether questions about readiness are answered at all.
        public var answersProbes = true
        public var answer = Answer.right
        /// A request with such a chunk, by its features, is answered with INTERNAL.
        public var refusal: (@Sendable ([Float]) -> Bool)?
        /// What becomes of a probe's chunk, when it is something else.
        public var probeAnswer: Answer?

        public init() {}
    }

    /// What becomes of the right answer to a chunk.
    public struct Answer: Sendable {
        let make: @Sendable (Inference_ModelInferResponse) async throws -> MessageBytes

        public static let right = changed { _ in }

        public static func changed(
            _ change: @escaping @Sendable (inout Inference_ModelInferResponse) -> Void
        ) -> Answer {
            Answer { response in
                var response = response
                change(&response)
                return try response.messageBytes()
            }
        }

        /// These bytes instead.
        public static func bytes(_ bytes: [UInt8]) -> Answer {
            Answer { _ in MessageBytes(bytes) }
        }

        public static func failure(_ code: RPCError.Code, _ message: String) -> Answer {
            Answer { _ in throw RPCError(code, message) }
        }

        /// The right answer, once the tally has got to 1.
        public static func held(until release: Tally) -> Answer {
            Answer { response in
                await release.reached(1)
                return try response.messageBytes()
            }
        }

        /// None until the call dies.
        public static let never = held(until: Tally())
    }

    public let port: Int
    public var address: String { "127.0.0.1:\(port)" }
    /// Chunks of streams that came.
    public let inferences = Tally()
    /// Chunks of nothing but zeros that came, which no stream of a test's sends: the probes'.
    public let probeChunks = Tally()
    /// Questions whether the server is ready.
    public let probes = Tally()
    /// Chunks whose call died before they were answered.
    public let cancellations = Tally()

    private struct State {
        var conduct = Conduct()
        var batchSizes: [Int] = []
        var lastRequest: Inference_ModelInferRequest?
    }

    private let state: Shared
    private let server: Server

    /// What the handlers need of it, which do not keep the server alive.
    private final class Shared: Sendable {
        private let mutex = Mutex(State())

        func withLock<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
            mutex.withLock { body(&$0) }
        }
    }

    /// - Parameter port: 0 takes any free one.
    public init(port: Int = 0) throws {
        let state = Shared()
        let (inferences, probes, cancellations) = (inferences, probes, cancellations)
        let probeChunks = probeChunks
        var configuration = Server.Configuration()
        configuration.listenAddress = "127.0.0.1:\(port)"
        server = try Server(
            configuration: configuration,
            methods: [
                Self.path("ServerReady"): Self.unary { (_: Inference_ServerReadyRequest) in
                    probes.add()
                    let conduct = state.withLock { $0.conduct }
                    if !conduct.answersProbes { await Tally().reached(1) }
                    return Inference_ServerReadyResponse.with { $0.ready = conduct.isServerReady }
                },
                Self.path("ModelReady"): Self.unary { (request: Inference_ModelReadyRequest) in
                    let conduct = state.withLock { $0.conduct }
                    return Inference_ModelReadyResponse.with {
                        $0.ready = conduct.isModelReady && request.name == "tiny-encoder"
                    }
                },
                Self.path("ModelMetadata"): Self.unary { (_: Inference_ModelMetadataRequest) in
                    state.withLock { $0.conduct.metadata }
                },
                Self.path("ModelConfig"): Self.unary { (_: Inference_ModelConfigRequest) in
                    let weights = state.withLock { $0.conduct.weights }
                    return Inference_ModelConfigResponse.with {
                        guard let weights else { return }
                        $0.config.parameters["weights"] = .with { $0.stringValue = weights }
                    }
                },
                Self.path("ModelInfer"): { call in
                    guard let message = try await call.next() else { return }
                    let request = try Inference_ModelInferRequest(parsing: message)
                    let isProbe = request.rawInputContents.allSatisfy { $0.allSatisfy { $0 == 0 } }
                    let conduct = state.withLock { state in
                        if isProbe { return state.conduct }
                        state.lastRequest = request
                        state.batchSizes.append(Int(request.inputs.first?.shape.first ?? 0))
                        return state.conduct
                    }
                    (isProbe ? probeChunks : inferences).add()
                    defer { if Task.isCancelled { cancellations.add() } }
                    let response = try TinyEncoder.answer(request)
                    if let refusal = conduct.refusal,
                        TinyEncoder.rows(of: request).contains(where: { refusal($0.features) })
                    {
                        throw RPCError(.internal, "a chunk that cannot be run")
                    }
                    let answer = isProbe ? conduct.probeAnswer : nil
                    try await call.send(try await (answer ?? conduct.answer).make(response))
                },
            ]
        )
        self.port = server.port
        self.state = state
    }

    private static func path(_ method: String) -> String {
        "/inference.GRPCInferenceService/\(method)"
    }

    private static func unary<Request: SwiftProtobuf.Message, Response: SwiftProtobuf.Message>(
        _ body: @escaping @Sendable (Request) async -> Response
    ) -> Server.Handler {
        { call in
            guard let message = try await call.next() else { return }
            try await call.send(try await body(try Request(parsing: message)).messageBytes())
        }
    }

    /// How many streams each request was of.
    public var batchSizes: [Int] { state.withLock { $0.batchSizes } }

    /// The request of a stream that came last.
    public var lastRequest: Inference_ModelInferRequest? { state.withLock { $0.lastRequest } }

    public func change(_ change: (inout Conduct) -> Void) {
        state.withLock { change(&$0.conduct) }
    }

    /// Whatever comes from here on is answered so.
    public func answer(_ answer: Answer) {
        change { $0.answer = answer }
    }

    /// Ends the calls under way, and takes no more.
    public func close() async {
        await server.shutdown(gracePeriod: .zero)
    }
}
