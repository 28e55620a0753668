internal import Foundation
internal import Synchronization

/// Does to real Tritons what a ``FaultPlan`` says, one healthy server always being left.
final class FaultInjector: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A fault that was injected.
    struct Injection: Sendable {
        var kind: Fault.Kind
        var server: Int
        var at: Instant
        /// When the server was ready again.
        var undone: Instant?
    }

    /// From when a server is ready until it counts as healthy: Martlets look only now and then.
    private static let settling = Duration.seconds(2)
    private static let pollInterval = Duration.milliseconds(50)

    private let servers: [TritonProcess]
    private let log: ChaosLog
    private let healthy: Mutex<Set<Int>>
    private let history = Mutex<[Injection]>([])

    /// - Parameter servers: All healthy.
    init(_ servers: [TritonProcess], log: ChaosLog) {
        self.servers = servers
        self.log = log
        healthy = Mutex(Set(servers.indices))
    }

    var injections: [Injection] { history.withLock { $0 } }

    /// Injects every fault and returns when all servers are healthy again.
    func run(_ plan: FaultPlan) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, fault) in plan.faults.enumerated() {
                try await Task.sleep(for: fault.pause)
                let server = try await take(for: fault)
                try inject(fault.kind, into: server)
                history.withLock {
                    $0.append(Injection(kind: fault.kind, server: server, at: .now))
                }
                log.note("fault \(number + 1): \(fault.kind.rawValue) of server \(server)")
                group.addTask { try await self.recover(from: fault, number, server) }
            }
            try await group.waitForAll()
        }
    }

    /// Waits until a server can be spared, and takes it.
    private func take(for fault: Fault) async throws -> Int {
        while true {
            let taken = healthy.withLock { healthy -> Int? in
                let target = fault.target(among: healthy)
                if let target { healthy.remove(target) }
                return target
            }
            if let taken { return taken }
            try await Task.sleep(for: Self.pollInterval)
        }
    }

    private func inject(_ kind: Fault.Kind, into number: Int) throws {
        let server = servers[number]
        switch kind {
        case .kill: try server.kill()
        case .drain, .restart: server.terminate()
        case .stall: try server.stop()
        case .backendKill: try server.killBackends()
        }
    }

    private func recover(from fault: Fault, _ number: Int, _ index: Int) async throws {
        let server = servers[index]
        try await Task.sleep(for: fault.outage)
        switch fault.kind {
        case .kill, .drain, .restart: try await server.start()
        case .stall: try server.resume()
        case .backendKill:
            server.terminate()
            try await server.start()
        }
        try await server.untilReady()
        history.withLock { $0[number].undone = .now }
        log.note("server \(index) is ready again")
        try await Task.sleep(for: Self.settling)
        healthy.withLock { _ = $0.insert(index) }
    }
}
