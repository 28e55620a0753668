internal import Yams

extension YAMLNode {
    /// Nesting deeper than this is refused; a model description or a configuration needs six.
    static let maximumDepth = 32

    /// Parses one document.
    ///
    /// - Parameters:
    ///   - text: The document; the caller has bounded its length.
    ///   - origin: What errors and the tree's nodes give as the place of a line and a column.
    /// - Returns: The tree, or nil when the text holds no document.
    static func parse(
        _ text: String,
        origin: (_ line: Int, _ column: Int) -> YAMLOrigin
    ) throws(YAMLError) -> YAMLNode? {
        // Yams copies a node for each alias and then hashes and compares keys node by node, so a
        // few nested aliases would keep it busy for years. Anchors are refused below, but that is
        // after composing; here, few enough aliases are let through for composing to stay cheap.
        if mayHoldAliases(text, moreThan: 4) {
            throw YAMLError(origin: origin(1, 1), problem: refusalOfAnchors)
        }
        do {
            // Rules would resolve tags by regular expressions; the typed reader does not need them.
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            guard let root = try parser.singleRoot() else { return nil }
            // Nodes hold their anchors weakly, the parser strongly.
            return try withExtendedLifetime(parser) { () throws(YAMLError) in
                try convert(root, depth: 1, path: "", origin: origin)
            }
        } catch let error as YAMLError {
            throw error
        } catch let error as YamlError {
            throw YAMLError(error, text: text, origin: origin)
        } catch {
            throw YAMLError(origin: origin(1, 1), problem: "not valid YAML: \(error)")
        }
    }

    private static let refusalOfAnchors =
        "anchors and aliases (& and *) are not read; write the value out where it is used"

    /// Counts what might be an alias: `*` and a name's first character, after anything an alias
    /// can follow. Text such as "2 *x" in a comment counts too, hence the limit above zero.
    private static func mayHoldAliases(_ text: String, moreThan limit: Int) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        let star = UInt8(ascii: "*")
        var count = 0
        var previous = UInt8(ascii: "\n")
        var beforePrevious = previous
        for byte in text.utf8 {
            if previous == star, isWord(byte) || byte == UInt8(ascii: "-"),
                !isWord(beforePrevious), beforePrevious != star
            {
                count += 1
                if count > limit { return true }
            }
            (beforePrevious, previous) = (previous, byte)
        }
        return false
    }

    private static func convert(
        _ node: Node,
        depth: Int,
        path: String,
        origin: (_ line: Int, _ column: Int) -> YAMLOrigin
    ) throws(YAMLError) -> YAMLNode {
        let place = origin(node.mark?.line ?? 1, node.mark?.column ?? 1)
        guard node.anchor == nil else {
            throw YAMLError(origin: place, path: path, problem: refusalOfAnchors)
        }
        guard depth <= maximumDepth else {
            throw YAMLError(
                origin: place,
                path: path,
                problem: "nested deeper than \(maximumDepth) levels"
            )
        }
        switch node {
        case .scalar(let scalar):
            try requireTag(of: node, .str, path: path, place: place)
            let isPlain = scalar.style == .plain
            if isPlain, ["", "~", "null", "Null", "NULL"].contains(scalar.string) {
                return YAMLNode(content: .null, origin: place)
            }
            return YAMLNode(content: .scalar(scalar.string, isPlain: isPlain), origin: place)
        case .sequence(let sequence):
            try requireTag(of: node, .seq, path: path, place: place)
            var elements: [YAMLNode] = []
            elements.reserveCapacity(sequence.count)
            for (index, element) in sequence.enumerated() {
                elements.append(
                    try convert(
                        element,
                        depth: depth + 1,
                        path: "\(path)[\(index)]",
                        origin: origin
                    )
                )
            }
            return YAMLNode(content: .list(elements), origin: place)
        case .mapping(let mapping):
            try requireTag(of: node, .map, path: path, place: place)
            var entries: [Entry] = []
            entries.reserveCapacity(mapping.count)
            for (keyNode, valueNode) in mapping {
                let keyPlace = origin(keyNode.mark?.line ?? 1, keyNode.mark?.column ?? 1)
                guard let key = keyNode.scalar, keyNode.anchor == nil else {
                    throw YAMLError(
                        origin: keyPlace,
                        path: path,
                        problem: keyNode.anchor == nil
                            ? "a key must be text, not a list or a mapping" : refusalOfAnchors
                    )
                }
                try requireTag(of: keyNode, .str, path: path, place: keyPlace)
                let value = try convert(
                    valueNode,
                    depth: depth + 1,
                    path: path.appending(key: key.string),
                    origin: origin
                )
                entries.append(Entry(key: key.string, keyOrigin: keyPlace, value: value))
            }
            return YAMLNode(content: .mapping(entries), origin: place)
        case .alias:
            throw YAMLError(origin: place, path: path, problem: refusalOfAnchors)
        }
    }

    private static func requireTag(
        of node: Node,
        _ name: Tag.Name,
        path: String,
        place: YAMLOrigin
    ) throws(YAMLError) {
        guard node.tag == Tag(name) else {
            throw YAMLError(
                origin: place,
                path: path,
                problem: "tags (\(String(describing: node.tag).shown)) are not read; remove it"
            )
        }
    }
}

extension YAMLError {
    fileprivate init(
        _ error: YamlError,
        text: String,
        origin: (_ line: Int, _ column: Int) -> YAMLOrigin
    ) {
        switch error {
        case .scanner(let context, let problem, let mark, _),
            .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            // A context's mark is where the unfinished thing began: often the real culprit.
            let start = context.map { " (\($0.text), from \($0.mark))" } ?? ""
            self.init(
                origin: origin(mark.line, mark.column),
                problem: "not valid YAML: \(problem)\(start); quote text that holds : # { } [ ] , &"
                    + " * ! | > % or @"
            )
        case .duplicatedKeysInMapping(let duplicates, let context):
            self.init(
                origin: origin(context.mark.line, context.mark.column),
                path: "".appending(key: duplicates.first ?? ""),
                problem: "the key is given more than once in one mapping; keep one"
            )
        case .reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0)
            let line = before.count(where: \.isNewline)
            let column = before.reversed().prefix { !$0.isNewline }.count
            self.init(
                origin: origin(line + 1, column + 1),
                problem: "not valid YAML: \(problem); remove the character"
            )
        default:
            self.init(origin: origin(1, 1), problem: "not valid YAML: \(error)")
        }
    }
}
