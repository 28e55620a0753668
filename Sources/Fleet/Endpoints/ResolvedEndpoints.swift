/// The addresses that the configured sources come to: distinct, in the order of the sources and,
/// within one, of its lookup.
///
/// A fixed source's address is there from the beginning and always. A name's addresses are those of
/// its last lookup that found any: one that fails or finds none tells of the resolver more often
/// than of the endpoints, whose own health says whether they are there.
package struct ResolvedEndpoints: Sendable {
    /// Addresses in all. Beyond it those stay that are there already; others are left out, and
    /// ``omittedCount`` tells how many.
    package static let maximumAddresses = 512

    package struct Change: Sendable, Equatable {
        package var added: [String]
        package var removed: [String]

        package init(added: [String] = [], removed: [String] = []) {
            self.added = added
            self.removed = removed
        }

        package var isEmpty: Bool { added.isEmpty && removed.isEmpty }
    }

    /// Distinct, in the order given.
    package let sources: [EndpointSource]
    package private(set) var addresses: [String] = []
    package private(set) var omittedCount = 0
    private var found: [EndpointSource: [String]] = [:]
    private var failures: [EndpointSource: String] = [:]
    private let maximumAddresses: Int

    package init(
        _ sources: [EndpointSource],
        maximumAddresses: Int = ResolvedEndpoints.maximumAddresses
    ) {
        var seen: Set<EndpointSource> = []
        self.sources = sources.filter { seen.insert($0).inserted }
        self.maximumAddresses = maximumAddresses
        for case .fixed(let address) in self.sources {
            found[.fixed(address: address)] = [address]
        }
        _ = merge()
    }

    /// The sources that want looking up.
    package var names: [EndpointSource] {
        sources.filter { if case .name = $0 { true } else { false } }
    }

    /// Each name whose last lookup brought nothing and why, as `dns:host:port: reason`.
    package var complaints: [String] {
        sources.compactMap { source in failures[source].map { "\(source): \($0)" } }
    }

    /// Takes in what a name's lookup found.
    ///
    /// - Returns: What changed in ``addresses``.
    package mutating func lookedUp(_ source: EndpointSource, _ addresses: [String]) -> Change {
        precondition(names.contains(source), "only a source that is a name is looked up")
        guard !addresses.isEmpty else {
            failures[source] = "the name has no address"
            return Change()
        }
        failures[source] = nil
        found[source] = addresses
        return merge()
    }

    /// Takes note that a name's lookup failed. The addresses stay.
    package mutating func lookupFailed(_ source: EndpointSource, _ reason: String) {
        precondition(names.contains(source), "only a source that is a name is looked up")
        failures[source] = reason
    }

    /// The name that a TLS certificate must be for at this address: an address that was found under
    /// a name is that name's. Nil where the address says it itself, or is not there.
    package func serverName(of address: String) -> String? {
        for source in sources where found[source]?.contains(address) == true {
            return if case .name(let host, _) = source { host } else { nil }
        }
        return nil
    }

    private mutating func merge() -> Change {
        let old = Set(addresses)
        var seen: Set<String> = []
        var all = sources.flatMap { found[$0] ?? [] }.filter { seen.insert($0).inserted }
        omittedCount = max(all.count - maximumAddresses, 0)
        if omittedCount > 0 {
            // Streams are on those that are there.
            var room = max(maximumAddresses - all.count(where: old.contains), 0)
            all = all.filter { address in
                if old.contains(address) { return true }
                defer { room = max(room - 1, 0) }
                return room > 0
            }
        }
        let change = Change(
            added: all.filter { !old.contains($0) },
            removed: addresses.filter { !seen.contains($0) }
        )
        addresses = all
        return change
    }
}
