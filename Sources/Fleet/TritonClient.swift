internal import GRPCTransport
internal import MessageCoding
internal import ModelBundle
internal import SwiftProtobuf
internal import Synchronization
internal import Wire

/// The calls of the KServe v2 protocol that the fleet makes to one Triton Inference Server.
///
/// Requests go over several connections in turn: one connection's flow control and one thread's
/// reading bound what passes through it.
final class TritonClient: Sendable {
    private let channels: [Channel]
    private let turn = Atomic<Int>(0)

    /// - Parameter count: Connections, at least 1.
    init(address: String, configuration: Channel.Configuration, count: Int) {
        channels = (0..<count).map { _ in Channel(target: address, configuration: configuration) }
    }

    func close() {
        for channel in channels { channel.close() }
    }

    private var channel: Channel {
        let turn = turn.wrappingAdd(1, ordering: .relaxed).newValue & Int.max
        return channels[turn % channels.count]
    }

    /// Whether the server has started and its models are loaded.
    func serverReady(timeout: Duration) async throws -> Bool {
        let answer: Inference_ServerReadyResponse = try await unary(
            "ServerReady",
            Inference_ServerReadyRequest(),
            timeout: timeout
        )
        return answer.ready
    }

    func modelReady(_ model: EncoderDescription, timeout: Duration) async throws -> Bool {
        let request = Inference_ModelReadyRequest.with {
            $0.name = model.tritonModel
            $0.version = model.version
        }
        let answer: Inference_ModelReadyResponse = try await unary(
            "ModelReady",
            request,
            timeout: timeout
        )
        return answer.ready
    }

    func modelMetadata(
        _ model: EncoderDescription,
        timeout: Duration
    ) async throws -> Inference_ModelMetadataResponse {
        let request = Inference_ModelMetadataRequest.with {
            $0.name = model.tritonModel
            $0.version = model.version
        }
        return try await unary("ModelMetadata", request, timeout: timeout)
    }

    /// Nil where the server does not know the question.
    func modelConfig(
        _ model: EncoderDescription,
        timeout: Duration
    ) async throws -> Inference_ModelConfig? {
        let request = Inference_ModelConfigRequest.with {
            $0.name = model.tritonModel
            $0.version = model.version
        }
        do {
            let answer: Inference_ModelConfigResponse = try await unary(
                "ModelConfig",
                request,
                timeout: timeout
            )
            return answer.config
        } catch let error as RPCError where error.code == .unimplemented {
            // A KServe server that is not Triton has no such call.
            return nil
        }
    }

    /// Runs a serialised `ModelInferRequest` and returns the serialised answer.
    func modelInfer(
        _ request: MessageBytes,
        timeout: Duration
    ) async throws(RPCError) -> MessageBytes {
        try await channel.unary(Self.path("ModelInfer"), request, metadata: [:], timeout: timeout)
    }

    private func unary<Answer: SwiftProtobuf.Message>(
        _ method: String,
        _ request: some SwiftProtobuf.Message,
        timeout: Duration
    ) async throws -> Answer {
        let answer = try await channel.unary(
            Self.path(method),
            try request.messageBytes(),
            metadata: [:],
            timeout: timeout
        )
        return try Answer(parsing: answer)
    }

    private static func path(_ method: String) -> String {
        "/inference.GRPCInferenceService/\(method)"
    }
}
