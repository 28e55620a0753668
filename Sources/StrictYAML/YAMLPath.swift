/// The way to a value: `models[0].endpoints`, or with dots alone `models.0.endpoints`.
public struct YAMLPath: Sendable, Hashable, CustomStringConvertible {
    /// Keys and, where the way leads through a list, decimal indices.
    public var parts: [String]

    public init(parts: [String]) {
        self.parts = parts
    }

    /// Reads `models[0].endpoints` or `models.0.endpoints`.
    ///
    /// - Returns: nil when a part is empty or a bracket does not hold a decimal index.
    public init?(_ text: String) {
        parts = []
        for dotted in text.split(separator: ".", omittingEmptySubsequences: false) {
            let pieces = dotted.split(separator: "[", omittingEmptySubsequences: false)
            guard let key = pieces.first, !key.isEmpty, !key.contains("]") else { return nil }
            parts.append(String(key))
            for piece in pieces.dropFirst() {
                guard piece.last == "]", let index = Self.index(piece.dropLast()) else {
                    return nil
                }
                parts.append(String(index))
            }
        }
    }

    public var description: String {
        parts.reduce(into: "") { path, part in
            path =
                Self.index(part) != nil && !path.isEmpty
                ? "\(path)[\(part)]" : path.appending(key: part)
        }
    }

    static func index(_ part: some StringProtocol) -> Int? {
        guard !part.isEmpty, part.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(part)
    }
}

extension YAMLPath: Comparable {
    /// List indices compare as numbers, so that overrides create `models[2]` before `models[10]`.
    public static func < (left: YAMLPath, right: YAMLPath) -> Bool {
        for (first, second) in zip(left.parts, right.parts) where first != second {
            if let first = index(first), let second = index(second), first != second {
                return first < second
            }
            return first < second
        }
        return left.parts.count < right.parts.count
    }
}

extension String {
    func appending(key: String) -> String {
        let limit = 60
        let scalars = key.unicodeScalars
        let shown =
            scalars.count > limit
            ? String(scalars.prefix(limit)).singleLine + "..." : key.singleLine
        return isEmpty ? shown : "\(self).\(shown)"
    }
}
