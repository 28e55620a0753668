internal import Dispatch
private import Glibc

/// Looks up the addresses of a name.
package protocol AddressResolver: Sendable {
    /// - Parameter name: A name, or a numeric address without brackets.
    /// - Returns: `host:port` with numeric hosts, those of IPv6 in brackets; sorted and distinct.
    /// - Throws: What is wrong with the name or the resolver, in one line.
    func addresses(of name: String, port: Int) async throws -> [String]
}

/// The system's resolver: `getaddrinfo`, with the hosts file, search domains and name servers of
/// this machine.
///
/// A lookup blocks a thread for as long as name servers may take (`resolv.conf` says: five seconds
/// for each attempt), and nothing can cut it short. All run on one queue of their own, one after the
/// other, so that they hold up nothing but each other.
package struct SystemAddressResolver: AddressResolver {
    /// Addresses of one name; the first in their order are taken.
    package static let maximumAddresses = 256

    private let queue = DispatchQueue(label: "martlet.address-lookups")

    package init() {}

    package func addresses(of name: String, port: Int) async throws -> [String] {
        let result = await withCheckedContinuation { waiter in
            queue.async {
                waiter.resume(returning: Result { try Self.lookUp(name, port: port) })
            }
        }
        return try result.get()
    }

    private static func lookUp(_ name: String, port: Int) throws(AddressLookupError) -> [String] {
        // A numeric address is taken as it is. Of a name, addresses of a kind that this machine has
        // none of itself are left out: they could not be reached.
        for flags in [AI_NUMERICHOST, AI_ADDRCONFIG] {
            var hints = addrinfo()
            hints.ai_flags = flags | AI_NUMERICSERV
            hints.ai_family = AF_UNSPEC
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var list: UnsafeMutablePointer<addrinfo>?
            let status = getaddrinfo(name, "\(port)", &hints, &list)
            let systemError = errno
            defer { if let list { freeaddrinfo(list) } }
            if status == EAI_NONAME, flags == AI_NUMERICHOST { continue }
            guard status == 0 else { throw AddressLookupError(status, systemError) }
            var found: Set<String> = []
            var next = list
            while let entry = next?.pointee {
                if let address = numericAddress(entry) { found.insert(address) }
                next = entry.ai_next
            }
            return Array(found.sorted().prefix(maximumAddresses))
        }
        return []
    }

    private static func numericAddress(_ entry: addrinfo) -> String? {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var service = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        let status = getnameinfo(
            entry.ai_addr,
            entry.ai_addrlen,
            &host,
            socklen_t(host.count),
            &service,
            socklen_t(service.count),
            NI_NUMERICHOST | NI_NUMERICSERV
        )
        guard status == 0 else { return nil }
        let hostText = text(host)
        return entry.ai_family == AF_INET6
            ? "[\(hostText)]:\(text(service))" : "\(hostText):\(text(service))"
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// Why a name could not be looked up, in one line.
package struct AddressLookupError: Error, Sendable, CustomStringConvertible {
    package let description: String

    fileprivate init(_ status: Int32, _ systemError: Int32) {
        let reason: String
        if status == EAI_SYSTEM {
            reason = String(cString: strerror(systemError))
        } else {
            reason = String(cString: gai_strerror(status))
        }
        description =
            "the lookup failed: \(reason); check the name, and this machine's name servers"
    }
}
