internal import GRPCTransport
internal import MessageCoding
internal import ModelBundle
internal import SwiftProtobuf
internal import Wire

/// The calls of the KServe v2 protocol that the fleet makes to one Triton Inference Server.
struct TritonClient: Sendable {
    private let channel: Channel

    /// - Parameter maximumAnswerBytes: The longest answer to take.
    init(address: String, maximumAnswerBytes: Int) {
        var configuration = Channel.Configuration()
        configuration.maximumReceivedMessageBytes = maximumAnswerBytes
        channel = Channel(target: address, configuration: configuration)
    }

    func close() {
        channel.close()
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
