/// Where endpoints come from, as an operator writes it.
package enum EndpointSource: Sendable, Hashable {
    /// `host:port`: one endpoint, whichever of the host's addresses gRPC connects to.
    case fixed(address: String)
    /// `dns:host:port`: every address that the name has is an endpoint, and is looked up again and
    /// again. The host is without brackets.
    case name(host: String, port: Int)

    private static let namePrefix = "dns:"

    /// - Throws: ``EndpointSourceError`` when there is nothing, or `dns:` is followed by something
    ///   else than a host and a port.
    package init(_ text: String) throws(EndpointSourceError) {
        guard !text.isEmpty else { throw EndpointSourceError(text, "it is empty") }
        guard text.hasPrefix(Self.namePrefix) else {
            self = .fixed(address: text)
            return
        }
        let address = text.dropFirst(Self.namePrefix.count)
        guard let colon = address.lastIndex(of: ":") else {
            throw EndpointSourceError(text, "it has no port")
        }
        let digits = address[address.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(digits),
            port > 0
        else { throw EndpointSourceError(text, "its port must be from 1 to 65535") }
        var host = address[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw EndpointSourceError(text, "an IPv6 address needs brackets")
        }
        // The resolver takes a C string, and a slash would be another kind of gRPC's names.
        guard !host.isEmpty, !host.utf8.contains(0), !host.contains("/") else {
            throw EndpointSourceError(text, "its host is not a name")
        }
        self = .name(host: String(host), port: Int(port))
    }
}

extension EndpointSource: CustomStringConvertible {
    package var description: String {
        switch self {
        case .fixed(let address): address
        case .name(let host, let port):
            host.contains(":")
                ? "\(Self.namePrefix)[\(host)]:\(port)" : "\(Self.namePrefix)\(host):\(port)"
        }
    }
}

/// Why a text names no endpoints, in one line.
package struct EndpointSourceError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    fileprivate init(_ text: String, _ problem: String) {
        description = """
            "\(text)" names no endpoints: \(problem); write host:port, or dns:host:port for every \
            address of a name
            """
    }
}
