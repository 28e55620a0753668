public import GRPCTransport
internal import MessageCoding
internal import SwiftProtobuf
internal import Synchronization
public import TestSupport
public import Wire

/// Stands in for a Triton Inference Server that serves ``TinyEncoder`` and keeps its states by
/// sequence, as a model behind the sequence batcher does: on a real port, well or badly.
public final class SequenceDouble: Sendable {
    /// A chunk that came.
    public struct Request: Sendable {
        public let sequence: Int64
        /// The request's own id.
        public let id: String
        public let starts: Bool
        public let ends: Bool
        public let hasFeatures: Bool
        public let hasStates: Bool
        public let wantsStates: Bool
        /// A chunk of no stream's.
        public var isProbe: Bool { starts && ends }
    }

    /// What becomes of a chunk.
    public enum Fate: Sendable {
        case right
        /// It is not run.
        case refused(RPCError.Code, String)
        /// It is run, and then this is answered.
        case failed(RPCError.Code, String)
        /// It is run, and not answered until the call dies.
        case unanswered
        /// It is run, and answered once the tally has got to 1.
        case held(until: Tally)
        /// The right answer, changed.
        case changed(@Sendable (inout Inference_ModelInferResponse) -> Void)
    }

    public struct Conduct: Sendable {
        public var isServerReady = true
        public var modelVersion = "1"
        public var fate: @Sendable (Request) -> Fate = { _ in .right }

        public init() {}
    }

    /// What it has seen.
    public struct Record: Sendable {
        /// Sequences that are kept now.
        public var open: Set<Int64> = []
        /// Sequences that were ever started, probes' left out.
        public var started: Set<Int64> = []
        /// Ends of sequences that were known.
        public var endCount = 0
        /// Chunks that were run, probes' left out, by request id.
        public var chunks: [String] = []
        public var restoreCount = 0
        public var probeCount = 0
        /// Sequence ids that were started twice.
        public var reused: Set<Int64> = []
    }

    fileprivate struct State {
        var conduct = Conduct()
        var record = Record()
        /// What the model keeps; what Triton knows is `record.open`.
        var kept: [Int64: TinyEncoder] = [:]
    }

    /// What the handlers need of it, which do not keep the server alive.
    private final class Shared: Sendable {
        private let mutex = Mutex(State())

        func withLock<Value: Sendable>(_ body: (inout State) throws -> Value) rethrows -> Value {
            try mutex.withLock { try body(&$0) }
        }
    }

    public let port: Int
    public var address: String { "127.0.0.1:\(port)" }
    /// Chunks that came, probes' left out.
    public let chunks = Tally()
    /// Sequences that were ended by a request without a chunk.
    public let ends = Tally()
    private let state: Shared
    private let server: Server

    /// - Parameter port: 0 takes any free one.
    public init(port: Int = 0) throws {
        let state = Shared()
        let (chunks, ends) = (chunks, ends)
        var configuration = Server.Configuration()
        configuration.listenAddress = "127.0.0.1:\(port)"
        server = try Server(
            configuration: configuration,
            methods: [
                Self.path("ServerReady"): Self.unary { (_: Inference_ServerReadyRequest) in
                    .with { $0.ready = state.withLock { $0.conduct.isServerReady } }
                        as Inference_ServerReadyResponse
                },
                Self.path("ModelReady"): Self.unary { (_: Inference_ModelReadyRequest) in
                    .with { $0.ready = true } as Inference_ModelReadyResponse
                },
                Self.path("ModelMetadata"): Self.unary { (_: Inference_ModelMetadataRequest) in
                    TinyEncoder.metadata
                },
                Self.path("ModelInfer"): { call in
                    guard let message = try await call.next() else { return }
                    let inference = try Inference_ModelInferRequest(parsing: message)
                    let request = try Request(inference)
                    let fate = state.withLock { $0.conduct.fate }(request)
                    if case .refused(let code, let text) = fate { throw RPCError(code, text) }
                    if request.hasFeatures, !request.isProbe { chunks.add() }
                    var response = try state.withLock { try $0.run(request, inference) }
                    if !request.hasFeatures { ends.add() }
                    switch fate {
                    case .right, .refused: break
                    case .failed(let code, let text): throw RPCError(code, text)
                    case .unanswered: await Tally().reached(1)
                    case .held(let release): await release.reached(1)
                    case .changed(let change): change(&response)
                    }
                    try await call.send(try response.messageBytes())
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

    public var record: Record { state.withLock { $0.record } }

    public func change(_ change: (inout Conduct) -> Void) {
        state.withLock { change(&$0.conduct) }
    }

    /// Whatever comes from here on fares so.
    public func fate(_ fate: @escaping @Sendable (Request) -> Fate) {
        change { $0.fate = fate }
    }

    /// Gives up all sequences, as Triton does when they are idle.
    public func forget() {
        state.withLock {
            $0.kept = [:]
            $0.record.open = []
        }
    }

    /// Starts the model again, of which Triton knows nothing.
    public func restartModel() {
        state.withLock { $0.kept = [:] }
    }

    /// Ends the calls under way, and takes no more.
    public func close() async {
        await server.shutdown(gracePeriod: .zero)
    }
}

extension SequenceDouble.Request {
    fileprivate init(_ request: Inference_ModelInferRequest) throws {
        guard case .int64Param(let sequence)? = request.parameters["sequence_id"]?.parameterChoice,
            sequence > 0
        else { throw RPCError(.invalidArgument, "no sequence_id, or not an int64 from 1") }
        self.sequence = sequence
        id = request.id
        starts = request.parameters["sequence_start"]?.boolParam ?? false
        ends = request.parameters["sequence_end"]?.boolParam ?? false
        let inputs = request.inputs.map(\.name)
        hasFeatures = inputs.first == "x"
        hasStates = inputs.dropFirst() == ["cache", "lens"]
        let outputs = request.outputs.map(\.name)
        wantsStates = outputs == ["encoder_out", "new_cache", "new_lens"]
        let wanted = hasFeatures ? (wantsStates || outputs == ["encoder_out"]) : outputs.isEmpty
        let given = hasFeatures ? (hasStates || inputs.count == 1) : inputs.isEmpty && ends
        guard wanted, given, !hasStates || starts else {
            throw RPCError(.invalidArgument, "unexpected tensors \(inputs) -> \(outputs)")
        }
    }
}

extension SequenceDouble.State {
    fileprivate mutating func run(
        _ request: SequenceDouble.Request,
        _ inference: Inference_ModelInferRequest
    ) throws -> Inference_ModelInferResponse {
        let sequence = request.sequence
        if request.starts {
            if !record.open.insert(sequence).inserted || record.started.contains(sequence) {
                record.reused.insert(sequence)
            }
            if !request.isProbe { record.started.insert(sequence) }
        } else if !record.open.contains(sequence) {
            throw RPCError(
                .invalidArgument,
                """
                inference request for sequence \(sequence) to model 'tiny-encoder' must specify \
                the START flag on the first request of the sequence
                """
            )
        }
        defer {
            if request.ends {
                if !request.isProbe { record.endCount += 1 }
                record.open.remove(sequence)
                kept[sequence] = nil
            }
        }
        let contents = inference.rawInputContents.map { MessageBytes([UInt8]($0)) }
        if request.starts {
            kept[sequence] =
                request.hasStates
                ? TinyEncoder(cache: contents[1], lens: contents[2]) : TinyEncoder()
        }
        guard var encoder = kept[sequence] else {
            throw RPCError(.notFound, "sequence \(sequence) is not kept here: start another")
        }
        var response = Inference_ModelInferResponse()
        if request.hasFeatures {
            let output = encoder.encode([Float](contents[0]))
            response = TinyEncoder.response(
                [MessageBytes(elements: output)] + encoder.stateContents
            )
            if !request.wantsStates {
                response.outputs.removeLast(2)
                response.rawOutputContents.removeLast(2)
            }
            kept[sequence] = encoder
            if request.isProbe {
                record.probeCount += 1
            } else {
                record.chunks.append(request.id)
                if request.hasStates { record.restoreCount += 1 }
            }
        }
        response.id = request.id
        response.modelVersion = conduct.modelVersion
        return response
    }
}
