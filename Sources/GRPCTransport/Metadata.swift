internal import CGRPCShim

/// A call's headers or trailers: key and value pairs in order; keys may repeat.
///
/// Keys are ASCII, and compared without regard to case. A key that ends in `-bin` carries any bytes,
/// every other one printable ASCII. Pairs that gRPC cannot carry, and names it keeps for itself
/// (`grpc-...`), are left out when metadata is sent: see ``isLegal(key:value:)``.
public struct Metadata: Sendable, Equatable {
    public struct Pair: Sendable, Equatable {
        public var key: String
        public var value: [UInt8]

        /// The value as text; bytes that are not UTF-8 become replacement characters.
        public var text: String { String(decoding: value, as: UTF8.self) }
    }

    public private(set) var pairs: [Pair] = []

    public init() {}

    public var isEmpty: Bool { pairs.isEmpty }

    public mutating func append(_ key: String, _ value: String) {
        append(key, Array(value.utf8))
    }

    public mutating func append(_ key: String, _ value: [UInt8]) {
        pairs.append(Pair(key: key.lowercased(), value: value))
    }

    public mutating func append(_ other: Metadata) {
        pairs.append(contentsOf: other.pairs)
    }

    /// The first value under the key, as text.
    public subscript(key: String) -> String? {
        first(key)?.text
    }

    /// The first value under the key, as it came (of a `-bin` key: decoded).
    public subscript(bytes key: String) -> [UInt8]? {
        first(key)?.value
    }

    private func first(_ key: String) -> Pair? {
        let key = key.lowercased()
        return pairs.first { $0.key == key }
    }

    /// Whether gRPC can carry the pair.
    public static func isLegal(key: String, value: [UInt8]) -> Bool {
        let key = Array(key.lowercased().utf8)
        return key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                cgrpc_metadatum_is_legal(cgrpc_bytes(key), cgrpc_bytes(value))
            }
        }
    }
}

extension Metadata: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        for (key, value) in elements { append(key, value) }
    }
}

extension Metadata {
    init(_ pairs: UnsafePointer<cgrpc_metadatum>?, count: Int) {
        for pair in UnsafeBufferPointer(start: pairs, count: count) {
            append(pair.key, pair.value)
        }
    }

    mutating func append(_ key: cgrpc_bytes, _ value: cgrpc_bytes) {
        pairs.append(Pair(key: key.string, value: Array(value.buffer)))
    }

    /// Calls `body` with C's view of the pairs, valid inside `body` alone.
    func withPairs<Value>(_ body: (UnsafePointer<cgrpc_metadatum>?, Int) -> Value) -> Value {
        guard !pairs.isEmpty else { return body(nil, 0) }
        // All keys and values in one piece of memory, cut up by their lengths.
        let bytes = pairs.flatMap { Array($0.key.utf8) + $0.value }
        return bytes.withUnsafeBytes { bytes in
            var start = 0
            func next(_ length: Int) -> cgrpc_bytes {
                defer { start += length }
                return cgrpc_bytes(
                    UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length)])
                )
            }
            let c = pairs.map {
                cgrpc_metadatum(key: next($0.key.utf8.count), value: next($0.value.count))
            }
            return c.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
        }
    }
}
