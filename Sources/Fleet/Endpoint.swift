internal import GRPCTransport
internal import ModelBundle
internal import Synchronization

/// One Triton Inference Server and what is known of its health.
final class Endpoint: Sendable {
    let address: String
    let client: TritonClient
    private let health: Mutex<EndpointHealth>

    init(address: String, maximumAnswerBytes: Int, probeFailuresToLeave: Int) {
        self.address = address
        health = Mutex(EndpointHealth(probeFailuresToLeave: probeFailuresToLeave))
        client = TritonClient(address: address, maximumAnswerBytes: maximumAnswerBytes)
    }

    var isReady: Bool { health.withLock { $0.isReady } }

    /// Why the endpoint is not used, as `address: reason`; nil when it is used.
    var complaint: String? {
        health.withLock { $0.reason }.map { "\(address): \($0)" }
    }

    /// - Returns: whether the state changed.
    func handle(_ event: EndpointHealth.Event) -> Bool {
        health.withLock { $0.handle(event) }
    }

    /// Asks the server whether it and the model are ready, and until it is known to be, whether the
    /// model is the one that the bundle describes.
    func probe(_ model: EncoderDescription, timeout: Duration) async -> EndpointHealth.Event {
        do {
            guard try await client.serverReady(timeout: timeout) else {
                return .notReady(reason: "the server is not ready")
            }
            guard try await client.modelReady(model, timeout: timeout) else {
                return .notReady(reason: "model \"\(model.tritonModel)\" is not ready there")
            }
            if !isReady {
                let metadata = try await client.modelMetadata(model, timeout: timeout)
                if let mismatch = ModelCheck.mismatch(of: metadata, with: model) {
                    return .mismatchFound(reason: "model \"\(model.tritonModel)\": \(mismatch)")
                }
            }
            return .probeSucceeded
        } catch let error as RPCError {
            return .probeFailed(reason: "\(error.code): \(error.message)")
        } catch {
            return .probeFailed(reason: "\(error)")
        }
    }
}
