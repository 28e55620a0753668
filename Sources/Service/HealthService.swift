package import Fleet
internal import GRPCTransport
internal import MessageCoding
internal import SwiftProtobuf
internal import Wire

/// `grpc.health.v1.Health`.
///
/// A model, by its name, is SERVING while at least one of its endpoints is ready. The server as a
/// whole (the empty name) and each of its services are SERVING while any model is. Once the server
/// has begun to shut down, nothing is.
package final class HealthService: Sendable {
    private struct Model {
        /// The fleet's word.
        var source: Readiness
        /// What is told: the same, until the server shuts down.
        var told = Readiness()
    }

    private let models: [Model]
    private let overall = Readiness()
    private let byName: [String: Readiness]

    /// - Parameter services: Full names of the services offered, answered like the server itself.
    package init(models: [(name: String, readiness: Readiness)], services: [String]) {
        self.models = models.map { Model(source: $0.readiness) }
        var byName: [String: Readiness] = ["": overall]
        for service in services { byName[service] = overall }
        for (model, named) in zip(self.models, models) { byName[named.name] = model.told }
        self.byName = byName
    }

    func handlers(_ first: FirstMessage) -> [String: Server.Handler] {
        [
            "/grpc.health.v1.Health/Check": unaryHandler(first, check),
            "/grpc.health.v1.Health/Watch": { call in
                try await self.watch(try await first(of: call), on: call)
            },
        ]
    }

    /// Passes on what the fleets say until the task is cancelled.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            for model in models {
                group.addTask {
                    for await _ in model.source.changes() {
                        model.told.update { model.source.isReady }
                        self.overall.update { self.models.contains(where: \.source.isReady) }
                    }
                }
            }
        }
    }

    /// From here on nothing is serving, and every Watch ends.
    package func stop() {
        for model in models { model.told.finish() }
        overall.finish()
    }

    private func check(
        _ request: Grpc_Health_V1_HealthCheckRequest
    ) async throws -> Grpc_Health_V1_HealthCheckResponse {
        guard let readiness = byName[request.service] else {
            let known = byName.keys.filter { !$0.isEmpty }.sorted().joined(separator: ", ")
            throw RPCError(
                .notFound,
                "unknown service or model \(request.service.quoted) (known: \(known))"
            )
        }
        return .with { $0.status = readiness.isReady ? .serving : .notServing }
    }

    private func watch(
        _ request: Grpc_Health_V1_HealthCheckRequest,
        on call: ServerCall
    ) async throws {
        if let readiness = byName[request.service] {
            for await isReady in readiness.changes() {
                try await tell(isReady ? .serving : .notServing, on: call)
            }
        } else {
            // The protocol has no error here, since the service might appear. Ours never do, so
            // there is nothing more to say.
            try await tell(.serviceUnknown, on: call)
            for await _ in overall.changes() {}
        }
        throw RPCError(.unavailable, "the server is shutting down")
    }

    private func tell(
        _ status: Grpc_Health_V1_HealthCheckResponse.ServingStatus,
        on call: ServerCall
    ) async throws {
        let response = Grpc_Health_V1_HealthCheckResponse.with { $0.status = status }
        try await call.send(try response.messageBytes())
    }
}
