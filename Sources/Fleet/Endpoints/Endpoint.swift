internal import GRPCTransport
internal import MessageCoding
internal import ModelBundle
internal import Wire

/// One Triton Inference Server: its address and the connections to it.
final class Endpoint: Sendable {
    let id: EndpointID
    let address: String
    let client: TritonClient

    init(
        id: EndpointID,
        address: String,
        transport: Channel.Configuration,
        channelCount: Int
    ) {
        self.id = id
        self.address = address
        client = TritonClient(address: address, configuration: transport, count: channelCount)
    }

    /// Asks the server whether it and the model are ready and, where it is not in use, whether the
    /// model is the one that the bundle describes and runs a chunk of no stream's.
    ///
    /// - Parameters:
    ///   - timeout: for each question.
    ///   - chunk: what to run; nil when the questions are enough.
    /// - Returns: what was found, and the version of the model that ran the chunk.
    func probe(
        _ model: EncoderDescription,
        timeout: Duration,
        chunk: ProbeChunk?
    ) async -> (events: [EndpointHealth.Event], servedVersion: String?) {
        do {
            guard try await client.serverReady(timeout: timeout) else {
                return ([.unfit(reason: "the server is not ready")], nil)
            }
            guard try await client.modelReady(model, timeout: timeout) else {
                return ([.unfit(reason: "model \"\(model.tritonModel)\" is not ready there")], nil)
            }
        } catch {
            return ([.checkUnanswered(reason: Self.describe(error))], nil)
        }
        guard let chunk else { return ([.checkPassed], nil) }
        do {
            if let misfit = try await findMisfit(model, timeout: timeout) {
                return ([.unfit(reason: misfit)], nil)
            }
            let answer = try await client.modelInfer(chunk.makeRequest(), timeout: chunk.timeout)
            try chunk.check(answer)
            let version = try Inference_ModelInferResponse(parsing: answer).modelVersion
            return ([.checkPassed, .probePassed], version)
        } catch {
            return ([.checkPassed, .probeFailed(reason: Self.describe(error))], nil)
        }
    }

    /// What differs between the served model and the bundle's; nil when nothing does, or when the
    /// endpoint cannot be asked now.
    func misfit(_ model: EncoderDescription, timeout: Duration) async -> String? {
        (try? await findMisfit(model, timeout: timeout)) ?? nil
    }

    private func findMisfit(
        _ model: EncoderDescription,
        timeout: Duration
    ) async throws -> String? {
        let metadata = try await client.modelMetadata(model, timeout: timeout)
        var mismatch = ModelCheck.mismatch(of: metadata, with: model)
        if mismatch == nil, model.weights != nil,
            let config = try await client.modelConfig(model, timeout: timeout)
        {
            mismatch = ModelCheck.mismatch(of: config, with: model)
        }
        return mismatch.map { "model \"\(model.tritonModel)\": \($0)" }
    }

    private static func describe(_ error: any Error) -> String {
        guard let error = error as? RPCError else { return "\(error)" }
        return "\(error.code): \(error.message)"
    }
}

/// A chunk of no stream's, which an endpoint must run before it gets work: ready flags prove
/// nothing, since a server whose backend has died keeps them.
struct ProbeChunk: Sendable {
    let makeRequest: @Sendable () -> MessageBytes
    let timeout: Duration
    /// Throws when the answer is not what the model promises.
    let check: @Sendable (MessageBytes) throws -> Void
}
