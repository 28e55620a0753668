private import Glibc
internal import StrictYAML

extension YAMLValue {
    /// `host:port`, where the host is a name, an IPv4 address or an IPv6 address in brackets.
    func address(ports: ClosedRange<Int>) throws(YAMLError) -> String {
        let text = try string(byteCount: 1...512)
        func refusal(_ reason: String) -> YAMLError {
            error(
                "\(text.shown) is not an address: \(reason); write host:port, such as"
                    + " localhost:8001, 10.0.0.7:8001 or \"[::1]:8001\""
            )
        }
        guard let colon = text.lastIndex(of: ":") else { throw refusal("it has no port") }
        let host = text[..<colon]
        let port = text[text.index(after: colon)...]
        let isDecimal = !port.isEmpty && port.utf8.allSatisfy { (48...57).contains($0) }
        guard isDecimal, let number = Int(port), ports.contains(number) else {
            throw refusal("its port must be from \(ports.lowerBound) to \(ports.upperBound)")
        }
        if host.first == "[", host.last == "]" {
            var address = in6_addr()
            guard inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &address) == 1 else {
                throw refusal("the brackets hold no IPv6 address")
            }
            return text
        }
        guard !host.contains(":") else { throw refusal("an IPv6 address needs brackets") }
        guard host.isName, host.utf8.count <= 253 else {
            throw refusal("its host is neither a name nor an IPv4 address")
        }
        return text
    }
}
