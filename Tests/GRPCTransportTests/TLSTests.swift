internal import GRPCTransport
internal import Glibc
internal import Testing

@Suite(.timeLimit(.minutes(1)))
struct TLSTests {
    /// Runs `body` with a server and a channel that show and believe this; nil: plaintext.
    private func connect(
        server: Server.TLS?,
        channel: Channel.TLS?,
        _ body: (Channel, Server) async throws -> Void
    ) async throws {
        try await withLoopback(
            ["/test/Echo": echo, "/test/Peer": tellPeer],
            server: { $0.tls = server },
            channel: { $0.tls = channel },
            body
        )
    }

    private func exchange(over channel: Channel) async throws {
        let long = MessageBytes(number: 1, count: 1 << 20)
        #expect(try await channel.unary("/test/Echo", long) == long)
        let call = channel.call("/test/Echo")
        for number in 0..<10 {
            try await call.send(MessageBytes(number: number))
            #expect(try await call.next()?.number == number)
        }
        try await call.finishSending()
        #expect(try await call.next() == nil)
    }

    /// Expects that no call gets through, of either kind, and that the reason and the advice are
    /// told.
    private func expectRefusal(
        server: Server.TLS?,
        channel: Channel.TLS?,
        _ reason: String,
        _ advice: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await connect(server: server, channel: channel) { channel, server in
            let unary = await rpcError { () throws(RPCError) in
                try await channel.unary("/test/Echo", MessageBytes(), timeout: .seconds(30))
            }
            let streaming = await drain(channel.call("/test/Echo", timeout: .seconds(30))).1
            for error in [unary, streaming] {
                #expect(error?.code == .unavailable, sourceLocation: sourceLocation)
                let message = error?.message ?? ""
                for part in ["127.0.0.1:\(server.port)", reason, advice] {
                    #expect(
                        message.contains(part),
                        "\"\(message)\" does not say \"\(part)\"",
                        sourceLocation: sourceLocation
                    )
                }
            }
        }
    }

    @Test func serverOfATrustedAuthorityIsBelieved() async throws {
        let certificates = try await TestCertificates.shared()
        try await connect(
            server: .init(identity: certificates.server),
            channel: .init(authorities: certificates.authorities)
        ) { channel, _ in
            try await exchange(over: channel)
        }
    }

    @Test func clientsThatShowACertificateAreLetIn() async throws {
        let certificates = try await TestCertificates.shared()
        let server = Server.TLS(
            identity: certificates.server,
            clientAuthorities: certificates.authorities
        )
        try await connect(
            server: server,
            channel: .init(authorities: certificates.authorities, identity: certificates.client)
        ) { channel, _ in
            try await exchange(over: channel)
        }
        let advice = "a client certificate that one of its authorities has signed"
        try await expectRefusal(
            server: server,
            channel: .init(authorities: certificates.authorities),
            "Socket closed",
            advice
        )
        try await expectRefusal(
            server: server,
            channel: .init(
                authorities: certificates.authorities,
                identity: certificates.strangeClient
            ),
            "Socket closed",
            advice
        )
    }

    @Test(arguments: [true, false])
    func serverOfAnotherAuthorityIsRefused(namesAuthorities: Bool) async throws {
        let certificates = try await TestCertificates.shared()
        try await expectRefusal(
            server: .init(identity: certificates.server),
            // Without any, the system's authorities hold; none of them has signed it either.
            channel: .init(authorities: namesAuthorities ? certificates.strangeAuthorities : nil),
            "certificate verify failed",
            "give the authority's certificate"
        )
    }

    @Test func serverOfAnotherNameIsRefusedUnlessTheNameIsGiven() async throws {
        let certificates = try await TestCertificates.shared()
        let server = Server.TLS(identity: certificates.namedServer)
        var channel = Channel.TLS(authorities: certificates.authorities)
        try await expectRefusal(
            server: server,
            channel: channel,
            "Peer name 127.0.0.1 is not in peer certificate",
            "give it as the server name"
        )
        channel.serverName = "triton.elsewhere"
        try await expectRefusal(
            server: server,
            channel: channel,
            "Peer name triton.elsewhere is not in peer certificate",
            "give it as the server name"
        )
        channel.serverName = "triton.example"
        try await connect(server: server, channel: channel) { channel, _ in
            try await exchange(over: channel)
        }
        // The name alone does not make a certificate believed.
        channel.authorities = certificates.strangeAuthorities
        try await expectRefusal(
            server: server,
            channel: channel,
            "certificate verify failed",
            "give the authority's certificate"
        )
    }

    @Test func encryptionOnOneSideAloneFailsAtOnce() async throws {
        let certificates = try await TestCertificates.shared()
        try await expectRefusal(
            server: .init(identity: certificates.server),
            channel: nil,
            "Socket closed",
            "it may expect TLS"
        )
        try await expectRefusal(
            server: nil,
            channel: .init(authorities: certificates.authorities),
            "wrong version number",
            "connect without TLS"
        )
    }

    @Test(arguments: [true, false])
    func serverThatNeverAnswersIsGivenUp(usesTLS: Bool) async throws {
        let certificates = try await TestCertificates.shared()
        let listener = try SilentListener()
        var configuration = Channel.Configuration()
        configuration.connectTimeout = .milliseconds(200)
        if usesTLS { configuration.tls = .init(authorities: certificates.authorities) }
        let channel = Channel(target: "127.0.0.1:\(listener.port)", configuration: configuration)
        let error = await rpcError { () throws(RPCError) in
            try await channel.unary("/test/Echo", MessageBytes())
        }
        #expect(error?.code == .unavailable)
    }

    @Test(arguments: [true, false])
    func eachChannelHasItsOwnConnection(usesTLS: Bool) async throws {
        let certificates = try await TestCertificates.shared()
        let tls = usesTLS ? Channel.TLS(authorities: certificates.authorities) : nil
        try await connect(
            server: usesTLS ? .init(identity: certificates.server) : nil,
            channel: tls
        ) { first, server in
            var configuration = Channel.Configuration()
            configuration.tls = tls
            let second = Channel(target: "127.0.0.1:\(server.port)", configuration: configuration)
            var peers: [[MessageBytes]] = []
            for channel in [first, second] {
                var own: [MessageBytes] = []
                for _ in 0..<3 { own.append(try await channel.unary("/test/Peer", MessageBytes())) }
                peers.append(own)
            }
            #expect(Set(peers[0].map(\.text)).count == 1)
            #expect(Set(peers[1].map(\.text)).count == 1)
            #expect(peers[0][0] != peers[1][0])
        }
    }
}

/// Answers with the client's address.
private let tellPeer: Server.Handler = { call in
    for try await _ in call.messages { try await call.send(MessageBytes(Array(call.peer.utf8))) }
}

extension MessageBytes {
    fileprivate var text: String {
        withContiguousBytes { String(decoding: $0, as: UTF8.self) }
    }
}

/// Takes connections, as the kernel does, and says nothing on them.
private final class SilentListener {
    let port: Int
    private let descriptor: Int32

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(isListening)
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit {
        close(descriptor)
    }
}
