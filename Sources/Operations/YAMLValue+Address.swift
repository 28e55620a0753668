private import Glibc
internal import StrictYAML

extension YAMLValue {
    /// `host:port`, where the host is a name, an IPv4 address or an IPv6 address in brackets.
    func address(ports: ClosedRange<Int>) throws(YAMLError) -> String {
        let text = try string(byteCount: 1...512)
        guard let reason = text[...].reasonForNoAddress(ports: ports) else { return text }
        throw error(
            "\(text.shown) is not an address: \(reason); write host:port, such as"
                + " localhost:8001, 10.0.0.7:8001 or \"[::1]:8001\""
        )
    }

    /// An address, or `dns:` and one.
    func endpoint() throws(YAMLError) -> String {
        let prefix = "dns:"
        let ports = 1...65_535
        let text = try string(byteCount: 1...512)
        guard text.hasPrefix(prefix) else { return try address(ports: ports) }
        guard let reason = text.dropFirst(prefix.count).reasonForNoAddress(ports: ports) else {
            return text
        }
        throw error(
            "\(text.shown) names no endpoints: \(reason); write dns:host:port, such as"
                + " dns:triton.default.svc.cluster.local:8001"
        )
    }
}

extension Substring {
    /// Why this is not `host:port`, or nil when it is.
    fileprivate func reasonForNoAddress(ports: ClosedRange<Int>) -> String? {
        guard let colon = lastIndex(of: ":") else { return "it has no port" }
        let host = self[..<colon]
        let port = self[index(after: colon)...]
        let isDecimal = !port.isEmpty && port.utf8.allSatisfy { (48...57).contains($0) }
        guard isDecimal, let number = Int(port), ports.contains(number) else {
            return "its port must be from \(ports.lowerBound) to \(ports.upperBound)"
        }
        if host.first == "[", host.last == "]" {
            var address = in6_addr()
            guard inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &address) == 1 else {
                return "the brackets hold no IPv6 address"
            }
            return nil
        }
        guard !host.contains(":") else { return "an IPv6 address needs brackets" }
        guard host.isName, host.utf8.count <= 253 else {
            return "its host is neither a name nor an IPv4 address"
        }
        return nil
    }
}
