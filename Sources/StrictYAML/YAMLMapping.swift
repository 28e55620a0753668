/// The keys a mapping may hold: an enumeration whose raw values are the keys as written.
public typealias YAMLKey = CaseIterable & RawRepresentable<String> & Sendable

/// A mapping whose keys have all been found known.
public struct YAMLMapping<Key: YAMLKey>: Sendable {
    let value: YAMLValue
    private let entries: [YAMLNode.Entry]

    fileprivate init(_ value: YAMLValue, entries: [YAMLNode.Entry]) {
        self.value = value
        self.entries = entries
    }

    /// The key's value; a missing key is an error at the mapping's place.
    public func required(_ key: Key) throws(YAMLError) -> YAMLValue {
        guard let found = optional(key) else {
            throw YAMLError(
                origin: value.origin,
                path: value.path.appending(key: key.rawValue),
                problem: "missing; this key is required"
            )
        }
        return found
    }

    /// The key's value, or nil when the mapping does not hold the key.
    public func optional(_ key: Key) -> YAMLValue? {
        guard let entry = entries.first(where: { $0.key == key.rawValue }) else { return nil }
        return YAMLValue(node: entry.value, path: value.path.appending(key: entry.key))
    }

    /// An error about the mapping as a whole, for checks that span several keys.
    public func error(_ problem: String) -> YAMLError {
        value.error(problem)
    }
}

extension YAMLValue {
    /// The value as a mapping that holds no other keys than `keys`.
    public func mapping<Key: YAMLKey>(_ keys: Key.Type) throws(YAMLError) -> YAMLMapping<Key> {
        guard case .mapping(let entries) = node.content else {
            throw error("expected a mapping, found \(node.found)")
        }
        let known = keys.allCases.map(\.rawValue)
        for entry in entries where !known.contains(entry.key) {
            let suggestion = entry.key.closest(among: known).map { "did you mean \"\($0)\"? " }
            throw YAMLError(
                origin: entry.keyOrigin,
                path: path.appending(key: entry.key),
                problem: "unknown key; \(suggestion ?? "remove it ")(known keys: "
                    + "\(known.joined(separator: ", ")))"
            )
        }
        return YAMLMapping(self, entries: entries)
    }

    /// A mapping's value by key before the mapping's keys are checked: for a mapping whose `type`
    /// says which keys it may hold. Nil when this is no mapping or has no such key.
    public func member(_ key: String) -> YAMLValue? {
        guard case .mapping(let entries) = node.content,
            let entry = entries.first(where: { $0.key == key })
        else { return nil }
        return YAMLValue(node: entry.value, path: path.appending(key: key))
    }
}
