internal import GRPCTransport
internal import Testing

@Suite(.timeLimit(.minutes(1)))
struct TLSMaterialTests {
    private func error(_ body: () throws(TLSError) -> Void) -> TLSError? {
        do throws(TLSError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    private func identityError(_ chain: [UInt8]?, _ key: [UInt8]?) throws -> TLSError? {
        let (chain, key) = (try #require(chain), try #require(key))
        return error { () throws(TLSError) in
            _ = try TLSIdentity(certificateChain: chain, privateKey: key)
        }
    }

    private func authoritiesError(_ certificates: [UInt8]) -> TLSError? {
        error { () throws(TLSError) in _ = try TLSAuthorities(certificates: certificates) }
    }

    @Test func authoritiesAreCertificatesAndNothingElse() async throws {
        let files = try await TestCertificates.shared().files
        let ca = try #require(files["ca.pem"])
        let stranger = try #require(files["stranger.pem"])
        let key = try #require(files["ca.key"])
        #expect(authoritiesError(ca) == nil)
        #expect(authoritiesError(Array("Our authorities:\n".utf8) + ca + stranger) == nil)
        #expect(authoritiesError([]) == .unreadableCertificate)
        #expect(authoritiesError(Array("ca.pem".utf8)) == .unreadableCertificate)
        #expect(authoritiesError(key) == .unreadableCertificate)
        // gRPC would take the first and say nothing.
        #expect(authoritiesError(ca + stranger.dropLast(40)) == .unreadableCertificate)
        #expect(authoritiesError(ca + [0] + stranger) == .unreadableCertificate)
    }

    @Test func identityIsACertificateAndItsKey() async throws {
        let files = try await TestCertificates.shared().files
        let chain = try #require(files["server.pem"]) + (files["ca.pem"] ?? [])
        #expect(try identityError(chain, files["server.key"]) == nil)
        #expect(try identityError([], files["server.key"]) == .unreadableCertificate)
        #expect(
            try identityError(files["server.key"], files["server.key"]) == .unreadableCertificate
        )
        #expect(try identityError(files["server.pem"], []) == .unreadablePrivateKey)
        #expect(
            try identityError(files["server.pem"], files["server.pem"]) == .unreadablePrivateKey
        )
        // Its own key, and nothing is asked on the terminal.
        #expect(
            try identityError(files["server.pem"], files["locked.key"]) == .unreadablePrivateKey
        )
        #expect(
            try identityError(files["server.pem"], files["client.key"]) == .keyOfAnotherCertificate
        )
        // The authority's certificate first: the usual mistake in a chain.
        let reversed = try #require(files["ca.pem"]) + (files["server.pem"] ?? [])
        #expect(try identityError(reversed, files["server.key"]) == .keyOfAnotherCertificate)
    }

    @Test func keysAreNotShown() async throws {
        let certificates = try await TestCertificates.shared()
        var configuration = Channel.Configuration()
        configuration.tls = .init(
            authorities: certificates.authorities,
            identity: certificates.client
        )
        var dumped = ""
        dump(configuration, to: &dumped)
        // "-----BEGIN PRIVATE KEY" as a list of bytes.
        let start = [UInt8]("-----BEGIN PRIVATE".utf8).map(String.init)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains(start.joined(separator: ", ")))
            #expect(!text.contains(start.map { "- \($0)\n" }.joined()))
            #expect(text.contains("private key withheld"))
        }
    }

    @Test func damagedMaterialIsRefusedInOrder() async throws {
        let files = try await TestCertificates.shared().files
        let chain = try #require(files["server.pem"])
        let key = try #require(files["server.key"])
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            var (damagedChain, damagedKey) = (chain, key)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let byte = UInt8.random(in: 0 ... .max, using: &generator)
                let place = Int.random(in: 0..<chain.count, using: &generator)
                damagedChain[place] = byte
                damagedKey[place % key.count] = byte
            }
            // Either outcome will do: some bytes do not matter.
            _ = try identityError(damagedChain, key)
            _ = try identityError(chain, damagedKey)
            _ = authoritiesError(damagedChain)
            // Under a sanitizer a round takes a while, and other tests wait for this thread.
            await Task.yield()
        }
        #expect(try identityError(chain, key) == nil, "seed \(seed)")
    }
}
