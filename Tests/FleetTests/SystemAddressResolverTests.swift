internal import Fleet
internal import Testing

@Suite(.timeLimit(.minutes(1)))
struct SystemAddressResolverTests {
    private let resolver = SystemAddressResolver()

    @Test func localhostIsThisMachine() async throws {
        let addresses = try await resolver.addresses(of: "localhost", port: 8001)
        #expect(!addresses.isEmpty)
        #expect(Set(addresses).isSubset(of: ["127.0.0.1:8001", "[::1]:8001"]))
        #expect(addresses == addresses.sorted())
        #expect(Set(addresses).count == addresses.count)
    }

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1:1"), ("10.0.0.7", "10.0.0.7:1"), ("::1", "[::1]:1"),
        ("2001:DB8:0::7", "[2001:db8::7]:1"),
    ])
    func numericAddressesAreThemselves(name: String, address: String) async throws {
        #expect(try await resolver.addresses(of: name, port: 1) == [address])
    }

    @Test func nameThatIsNotThereIsAnError() async throws {
        await #expect {
            _ = try await resolver.addresses(of: "no-such-name.invalid", port: 1)
        } throws: {
            "\($0)".hasPrefix("the lookup failed: ") && "\($0)".contains("check the name")
        }
    }

    @Test func manyLookupsAtOnceAllEnd() async throws {
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for port in 1...200 {
                group.addTask { try await resolver.addresses(of: "127.0.0.1", port: port).count }
            }
            return try await group.reduce(0, +)
        }
        #expect(counts == 200)
    }
}
