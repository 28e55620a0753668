internal import Fleet
internal import TestSupport
internal import Testing

/// A source from a text that is one.
private func source(_ text: String) throws -> EndpointSource { try EndpointSource(text) }

/// A value that expectations may change.
private final class Resolved {
    var endpoints: ResolvedEndpoints

    init(_ sources: [String], maximumAddresses: Int = ResolvedEndpoints.maximumAddresses) throws {
        endpoints = ResolvedEndpoints(
            try sources.map { try EndpointSource($0) },
            maximumAddresses: maximumAddresses
        )
    }

    func lookedUp(_ name: String, _ addresses: [String]) throws -> ResolvedEndpoints.Change {
        endpoints.lookedUp(try EndpointSource(name), addresses)
    }
}

@Suite struct ResolvedEndpointsTests {
    @Test func fixedAddressesAreThereAtOnce() throws {
        let resolved = try Resolved(["b:1", "dns:n:1", "a:1", "b:1"])
        #expect(resolved.endpoints.addresses == ["b:1", "a:1"])
        #expect(resolved.endpoints.names == [try source("dns:n:1")])
        #expect(resolved.endpoints.complaints.isEmpty)
    }

    @Test func addressesComeInTheOrderOfTheirSources() throws {
        let resolved = try Resolved(["dns:m:1", "a:1", "dns:n:1"])
        #expect(
            try resolved.lookedUp("dns:n:1", ["10.0.0.2:1", "10.0.0.3:1"])
                == .init(added: ["10.0.0.2:1", "10.0.0.3:1"])
        )
        #expect(
            try resolved.lookedUp("dns:m:1", ["10.0.0.9:1"]) == .init(added: ["10.0.0.9:1"])
        )
        #expect(
            resolved.endpoints.addresses == ["10.0.0.9:1", "a:1", "10.0.0.2:1", "10.0.0.3:1"]
        )
        #expect(
            try resolved.lookedUp("dns:n:1", ["10.0.0.3:1", "10.0.0.4:1"])
                == .init(added: ["10.0.0.4:1"], removed: ["10.0.0.2:1"])
        )
        #expect(try resolved.lookedUp("dns:n:1", ["10.0.0.3:1", "10.0.0.4:1"]).isEmpty)
    }

    @Test func addressOfTwoSourcesStaysUntilNeitherHasIt() throws {
        let resolved = try Resolved(["dns:m:1", "dns:n:1", "10.0.0.1:1"])
        #expect(try resolved.lookedUp("dns:m:1", ["10.0.0.2:1"]).added == ["10.0.0.2:1"])
        #expect(try resolved.lookedUp("dns:n:1", ["10.0.0.1:1", "10.0.0.2:1"]).isEmpty)
        #expect(resolved.endpoints.addresses == ["10.0.0.2:1", "10.0.0.1:1"])
        #expect(
            try resolved.lookedUp("dns:m:1", ["10.0.0.3:1"]) == .init(added: ["10.0.0.3:1"])
        )
        #expect(
            try resolved.lookedUp("dns:n:1", ["10.0.0.3:1"]) == .init(removed: ["10.0.0.2:1"])
        )
        #expect(resolved.endpoints.addresses == ["10.0.0.3:1", "10.0.0.1:1"])
    }

    @Test func failedAndEmptyLookupsKeepWhatIsThere() throws {
        let resolved = try Resolved(["dns:n:1"])
        resolved.endpoints.lookupFailed(try source("dns:n:1"), "the lookup failed")
        #expect(resolved.endpoints.addresses.isEmpty)
        #expect(resolved.endpoints.complaints == ["dns:n:1: the lookup failed"])
        #expect(try resolved.lookedUp("dns:n:1", ["10.0.0.1:1"]).added == ["10.0.0.1:1"])
        #expect(resolved.endpoints.complaints.isEmpty)
        #expect(try resolved.lookedUp("dns:n:1", []).isEmpty)
        #expect(resolved.endpoints.complaints == ["dns:n:1: the name has no address"])
        resolved.endpoints.lookupFailed(try source("dns:n:1"), "no answer")
        #expect(resolved.endpoints.complaints == ["dns:n:1: no answer"])
        #expect(resolved.endpoints.addresses == ["10.0.0.1:1"])
    }

    @Test func certificatesAreForTheNameThatWasLookedUp() throws {
        let resolved = try Resolved(["triton.example:1", "dns:n:1", "10.0.0.1:1"])
        _ = try resolved.lookedUp("dns:n:1", ["10.0.0.1:1", "10.0.0.2:1"])
        #expect(resolved.endpoints.serverName(of: "10.0.0.2:1") == "n")
        // The first source that has it says.
        #expect(resolved.endpoints.serverName(of: "10.0.0.1:1") == "n")
        #expect(resolved.endpoints.serverName(of: "triton.example:1") == nil)
        #expect(resolved.endpoints.serverName(of: "10.0.0.3:1") == nil)
    }

    @Test func whatIsThereStaysWhenThereAreTooMany() throws {
        let resolved = try Resolved(["dns:m:1", "dns:n:1"], maximumAddresses: 3)
        #expect(try resolved.lookedUp("dns:n:1", ["n2:1", "n3:1"]).added == ["n2:1", "n3:1"])
        #expect(try resolved.lookedUp("dns:m:1", ["m1:1", "m2:1", "m3:1"]).added == ["m1:1"])
        #expect(resolved.endpoints.addresses == ["m1:1", "n2:1", "n3:1"])
        #expect(resolved.endpoints.omittedCount == 2)
        #expect(
            try resolved.lookedUp("dns:n:1", ["n1:1", "n3:1"])
                == .init(added: ["m2:1"], removed: ["n2:1"])
        )
        #expect(resolved.endpoints.omittedCount == 2)
        #expect(try resolved.lookedUp("dns:m:1", ["m2:1"]).removed == ["m1:1"])
        #expect(resolved.endpoints.addresses == ["m2:1", "n1:1", "n3:1"])
        #expect(resolved.endpoints.omittedCount == 0)
    }

    /// What changes tell adds up to what is there, whatever is looked up.
    @Test func changesAddUp() throws {
        var generator = SplitMix64.announced()
        for _ in 0..<200 {
            let names = ["dns:k:1", "dns:m:1", "dns:n:1"]
            let limit = Int.random(in: 1...8, using: &generator)
            let resolved = try Resolved(names + ["a1:1"], maximumAddresses: limit)
            var present = Set(resolved.endpoints.addresses)
            for _ in 0..<30 {
                let name = try #require(names.randomElement(using: &generator))
                let found = (0..<6).filter { _ in Bool.random(using: &generator) }.map {
                    "a\($0):1"
                }
                let before = resolved.endpoints.addresses
                let change = try resolved.lookedUp(name, found)
                #expect(present.isSuperset(of: change.removed))
                #expect(present.isDisjoint(with: change.added))
                present.subtract(change.removed)
                present.formUnion(change.added)
                let addresses = resolved.endpoints.addresses
                #expect(Set(addresses) == present)
                #expect(Set(addresses).count == addresses.count)
                #expect(addresses.count <= limit)
                if found.isEmpty { #expect(addresses == before) }
            }
        }
    }
}
