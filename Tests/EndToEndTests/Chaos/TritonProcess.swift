internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import Synchronization
internal import Wire

/// A real Triton that can be hurt, and started again at the same address.
///
/// `Tools/triton/run` supervises the server: it ends when the server has, and takes away what the
/// server left behind.
final class TritonProcess: Sendable {
    /// What starting may take on a busy machine.
    private static let startTimeout = Duration.seconds(90)
    /// Between two looks at whether it is ready.
    private static let pollInterval = Duration.milliseconds(100)

    private let places: Laboratory.Places
    private let httpPort: Int
    private let process = Mutex<ChildProcess?>(nil)

    let grpcPort: Int

    /// Does not start it.
    init(_ places: Laboratory.Places) throws {
        self.places = places
        grpcPort = try Self.lastingPort()
        httpPort = try Self.lastingPort()
    }

    var address: String { "127.0.0.1:\(grpcPort)" }

    /// What its processes have written to standard error since the last start.
    var lines: [String] { process.withLock { $0?.lines ?? [] } }

    /// Starts it unless it runs and is well. Does not wait until it is ready.
    func restore() async throws {
        if process.withLock({ $0?.isRunning == true }) {
            try? resume()
            if await isReady() { return }
            terminate()
        }
        try await start()
    }

    /// Starts it, once whatever ran before has ended. Does not wait until it is ready.
    func start() async throws {
        if let last = process.withLock({ $0 }) { _ = await last.exitStatus() }
        let next = try ChildProcess(
            places.tritonRun,
            [
                "--model-repository", "\(places.export)/triton", "--grpc-port", "\(grpcPort)",
                "--http-port", "\(httpPort)",
            ]
        )
        process.withLock { $0 = next }
    }

    /// Whether the server answers that it and all its models are ready.
    func isReady() async -> Bool {
        // A channel of its own, so that no earlier failure to connect is remembered.
        let channel = Channel(target: address)
        defer { channel.close() }
        guard
            let request = try? Inference_ServerReadyRequest().messageBytes(),
            let answer = try? await channel.unary(
                "/inference.GRPCInferenceService/ServerReady",
                request,
                timeout: .milliseconds(500)
            )
        else { return false }
        return (try? Inference_ServerReadyResponse(parsing: answer))?.ready == true
    }

    /// - Throws: ``ChildProcess/Failure`` when it ends instead, or takes too long.
    func untilReady() async throws {
        let deadline = ContinuousClock.now + Self.startTimeout
        while await !isReady() {
            let isRunning = process.withLock { $0?.isRunning == true }
            guard isRunning, ContinuousClock.now < deadline else {
                throw ChildProcess.Failure(
                    description: "Triton at \(address) "
                        + (isRunning ? "is not ready" : "has ended") + ":\n"
                        + lines.joined(separator: "\n")
                )
            }
            try await Task.sleep(for: Self.pollInterval)
        }
    }

    /// SIGKILL of the server.
    func kill() throws { try signal(SIGKILL, server()) }

    /// SIGSTOP of the server: its connections stay and nothing is answered.
    func stop() throws { try signal(SIGSTOP, server()) }

    /// SIGCONT of the server.
    func resume() throws { try signal(SIGCONT, server()) }

    /// SIGTERM: the server answers what it has and ends.
    func terminate() { process.withLock { $0 }?.terminate() }

    /// SIGKILL of the processes that run the models, under a server that goes on.
    func killBackends() throws {
        let backends = descendants(named: "triton_python_b")
        guard !backends.isEmpty else {
            throw ChildProcess.Failure(description: "no backend runs at \(address)")
        }
        for backend in backends { try signal(SIGKILL, backend) }
    }

    func exited() async {
        if let process = process.withLock({ $0 }) { _ = await process.exitStatus() }
    }

    /// Ends it, in whatever state it is.
    func close() async {
        try? resume()
        terminate()
        await exited()
    }

    private func server() throws -> Int32 {
        guard let server = descendants(named: "tritonserver").first else {
            throw ChildProcess.Failure(description: "no server runs at \(address)")
        }
        return server
    }

    private func descendants(named name: String) -> [Int32] {
        guard let root = process.withLock({ $0?.identifier }) else { return [] }
        return ProcessTable.descendants(of: root).filter { $0.name == name && !$0.isZombie }
            .map(\.identifier)
    }

    private func signal(_ number: Int32, _ identifier: Int32) throws {
        guard Foundation.kill(identifier, number) == 0 else {
            throw ChildProcess.Failure(
                description: "no process \(identifier) for signal \(number) at \(address)"
            )
        }
    }

    /// A free port below those from which the kernel makes connections: it stays free while nobody
    /// listens on it, and a client that tries it then cannot connect to itself.
    private static func lastingPort() throws -> Int {
        for _ in 0..<1_000 {
            let port = UInt16.random(in: 20_000..<32_000)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { Foundation.close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            address.sin_port = port.bigEndian
            let isFree = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            if isFree { return Int(port) }
        }
        throw ChildProcess.Failure(description: "no free port from 20000 to 31999")
    }
}
