internal import Dispatch
internal import Foundation
internal import GRPCTransport

/// Certificates that `openssl` makes, once for all tests of a run: two authorities that know nothing
/// of each other, and what they have signed. They are valid for two days.
struct TestCertificates: Sendable {
    let authorities: TLSAuthorities
    let strangeAuthorities: TLSAuthorities
    /// For "localhost" and 127.0.0.1.
    let server: TLSIdentity
    /// For "triton.example" alone.
    let namedServer: TLSIdentity
    let client: TLSIdentity
    /// Signed by the other authority.
    let strangeClient: TLSIdentity
    /// By file name: the PEM that the values above were made from, and a key behind a pass phrase.
    let files: [String: [UInt8]]

    static func shared() async throws -> TestCertificates { try await making.value }

    private static let making = Task { try await TestCertificates() }

    private init() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "martlet-certificates-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try await Self.run(Self.script, in: directory)
        var files: [String: [UInt8]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
            files[name] = [UInt8](try Data(contentsOf: directory.appendingPathComponent(name)))
        }
        self.files = files
        func file(_ name: String) -> [UInt8] { files[name] ?? [] }
        func identity(_ name: String) throws -> TLSIdentity {
            try TLSIdentity(
                certificateChain: file("\(name).pem"),
                privateKey: file("\(name).key")
            )
        }
        authorities = try TLSAuthorities(certificates: file("ca.pem"))
        strangeAuthorities = try TLSAuthorities(certificates: file("stranger.pem"))
        server = try identity("server")
        namedServer = try identity("named")
        client = try identity("client")
        strangeClient = try identity("strange-client")
    }

    /// `directory` is where it runs.
    private static let script = """
        set -e
        printf '[req]\\ndistinguished_name = name\\n[name]\\n' >openssl.cnf
        make() { # name, extension, further arguments
            name=$1 extension=$2
            shift 2
            openssl req -config openssl.cnf -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
                -noenc -days 2 -subj "/CN=$name" -addext "$extension" \
                -keyout "$name.key" -out "$name.pem" "$@"
        }
        make ca basicConstraints=critical,CA:TRUE
        make stranger basicConstraints=critical,CA:TRUE
        signed='-CA ca.pem -CAkey ca.key'
        make server subjectAltName=DNS:localhost,IP:127.0.0.1 $signed
        make named subjectAltName=DNS:triton.example $signed
        make client extendedKeyUsage=clientAuth $signed
        make strange-client extendedKeyUsage=clientAuth -CA stranger.pem -CAkey stranger.key
        openssl ec -in server.key -aes256 -passout pass:secret -out locked.key
        """

    /// On a thread of its own: nothing of Swift's pool waits for the child.
    private static func run(_ script: String, in directory: URL) async throws {
        let failure = Guarded<(any Error)?>(nil)
        let isOver = Signal()
        DispatchQueue(label: "openssl").async {
            do {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: "/bin/sh")
                process.arguments = ["-c", script]
                process.currentDirectoryURL = directory
                let log = Pipe()
                process.standardError = log
                process.standardOutput = log
                try process.run()
                let output = try log.fileHandleForReading.readToEnd() ?? Data()
                process.waitUntilExit()
                guard process.terminationStatus == 0 else {
                    throw OpenSSLFailure(output: String(decoding: output, as: UTF8.self))
                }
            } catch {
                failure.withLock { $0 = error }
            }
            isOver.fire()
        }
        await isOver.wait()
        if let error = failure.withLock({ $0 }) { throw error }
    }
}

/// What the `openssl` command (Debian's package of that name) said when it failed.
private struct OpenSSLFailure: Error {
    var output: String
}
