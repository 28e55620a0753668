internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import Testing
internal import Wire

/// What the tests of this target need: a real Triton with the exported model, and a Martlet in
/// front of it, each a process of its own.
struct Laboratory: Sendable {
    /// Where things are, as `make test` says.
    struct Places: Sendable {
        var shared: String
        var export: String
        var martlet: String
        var tritonRun: String
        var grpcurl: String

        /// Nil unless everything is there.
        static let found: Places? = {
            let environment = ProcessInfo.processInfo.environment
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent().path
            func place(_ variable: String, _ otherwise: String) -> String {
                environment[variable] ?? "\(root)/\(otherwise)"
            }
            let places = Places(
                shared: place("MARTLET_SHARED", "../shared"),
                export: place("MARTLET_EXPORT", ".build/export"),
                martlet: place("MARTLET_BINARY", ".build/release/martlet"),
                tritonRun: place("MARTLET_TRITON_RUN", "Tools/triton/run"),
                grpcurl: place("MARTLET_GRPCURL", ".build/triton/grpcurl")
            )
            let needed = [
                "\(places.shared)/speech/reference-decodes.jsonl",
                "\(places.export)/bundle/model.yaml", places.martlet, places.tritonRun,
                places.grpcurl,
            ]
            for file in needed where !FileManager.default.fileExists(atPath: file) {
                print("EndToEndTests are not run: \(file) is missing; `make test` provides it")
                return nil
            }
            return places
        }()
    }

    @TaskLocal static var current: Laboratory?

    let places: Places
    let tritonPort: Int
    /// A directory that goes with the laboratory.
    let directory: String
    let martlet: Martlet

    /// Sets everything up, runs `body`, and takes everything down.
    static func open(_ body: @Sendable (Laboratory) async throws -> Void) async throws {
        let places = try #require(Places.found)
        let directory = NSTemporaryDirectory() + "martlet-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let (grpcPort, httpPort) = (try freePort(), try freePort())
        let triton = try ChildProcess(
            places.tritonRun,
            [
                "--model-repository", "\(places.export)/triton", "--grpc-port", "\(grpcPort)",
                "--http-port", "\(httpPort)",
            ]
        )
        let martlet = try await Martlet(
            places,
            directory: directory,
            endpoints: ["127.0.0.1:\(grpcPort)"],
            // Dozens of streams at once, as fast as they can be sent: all are to be served.
            modelSettings: "admission: { headroom: 1m }"
        )
        do {
            try await martlet.modelIsServing()
            try await body(
                Laboratory(
                    places: places,
                    tritonPort: grpcPort,
                    directory: directory,
                    martlet: martlet
                )
            )
        } catch {
            await stop(martlet, triton)
            throw error
        }
        await stop(martlet, triton)
    }

    private static func stop(_ martlet: Martlet, _ triton: ChildProcess) async {
        await martlet.stop()
        triton.terminate()
        _ = await triton.exitStatus()
    }

    /// A port that is free now.
    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(bound)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// Opens a ``Laboratory`` around a suite.
struct InLaboratory: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        try await Laboratory.open { laboratory in
            try await Laboratory.$current.withValue(laboratory) { try await function() }
        }
    }
}

/// Everything that runs against real processes, one test after the other: they share two cores.
@Suite(
    .serialized,
    InLaboratory(),
    .timeLimit(.minutes(15)),
    .enabled(if: Laboratory.Places.found != nil, "the model, the recordings or a tool is missing")
)
struct EndToEnd {}
