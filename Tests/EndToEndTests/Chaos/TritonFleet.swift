internal import Foundation
internal import Testing

/// Real Tritons that serve the same model.
struct TritonFleet: Sendable {
    static let size = 3

    @TaskLocal static var current: TritonFleet?

    let servers: [TritonProcess]

    var addresses: [String] { servers.map(\.address) }

    /// Starts them, runs `body` and ends them.
    static func open(_ body: @Sendable (TritonFleet) async throws -> Void) async throws {
        let places = try #require(Laboratory.Places.found)
        let fleet = TritonFleet(servers: try (0..<size).map { _ in try TritonProcess(places) })
        do {
            try await fleet.restore()
            try await body(fleet)
        } catch {
            await fleet.close()
            throw error
        }
        await fleet.close()
    }

    /// Starts those that do not run, and waits until all are ready.
    func restore() async throws {
        for server in servers { try await server.restore() }
        for server in servers { try await server.untilReady() }
    }

    private func close() async {
        await withTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { await server.close() } }
        }
    }
}

/// Opens a ``TritonFleet`` around a suite.
struct WithTritonFleet: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        try await TritonFleet.open { fleet in
            try await TritonFleet.$current.withValue(fleet) { try await function() }
        }
    }
}
