/// A value of a document, with the path and the place that its errors name.
public struct YAMLValue: Sendable {
    let node: YAMLNode
    /// For example `models[0].endpoints`; empty for the document's root.
    public let path: String

    /// Where the value was written.
    public var origin: YAMLOrigin { node.origin }

    /// An error at this value, for checks beyond its type: "what is wrong; what to do".
    public func error(_ problem: String) -> YAMLError {
        YAMLError(origin: node.origin, path: path, problem: problem)
    }

    /// Text, plain or quoted, as written: `no` is the text "no", `1.0` the text "1.0".
    ///
    /// - Parameter byteCount: The lengths allowed, in UTF-8 bytes; an empty text must be asked for.
    public func string(byteCount: ClosedRange<Int> = 1...4096) throws(YAMLError) -> String {
        guard case .scalar(let text, _) = node.content else {
            throw error("expected text, found \(node.found)")
        }
        guard byteCount.contains(text.utf8.count) else {
            throw error(
                text.isEmpty
                    ? "empty text; give a value"
                    : "a text of \(text.utf8.count) bytes; expected \(byteCount.shown) bytes"
            )
        }
        return text
    }

    /// A whole decimal number within a range.
    public func int(in range: ClosedRange<Int>) throws(YAMLError) -> Int {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        let text = try plainText(expected: expected)
        guard let number = Int(text), range.contains(number) else {
            throw error("expected \(expected), found \(node.found)")
        }
        return number
    }

    /// A finite decimal number within a range.
    public func double(in range: ClosedRange<Double>) throws(YAMLError) -> Double {
        let expected = "a number from \(range.lowerBound) to \(range.upperBound)"
        let text = try plainText(expected: expected)
        // Double's own reader also takes hexadecimal, "inf" and "nan".
        let isDecimal = text.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
        guard isDecimal, let number = Double(text), number.isFinite, range.contains(number) else {
            throw error("expected \(expected), found \(node.found)")
        }
        return number
    }

    /// `true` or `false`, and no other spelling.
    public func bool() throws(YAMLError) -> Bool {
        switch try plainText(expected: "true or false") {
        case "true": return true
        case "false": return false
        default: throw error("expected true or false, found \(node.found)")
        }
    }

    /// One of an enumeration's words.
    public func choice<Choice: YAMLKey>(of choices: Choice.Type) throws(YAMLError) -> Choice {
        let known = choices.allCases.map(\.rawValue)
        guard case .scalar(let text, _) = node.content else {
            throw error("expected one of \(known.joined(separator: ", ")), found \(node.found)")
        }
        guard let choice = choices.allCases.first(where: { $0.rawValue == text }) else {
            let suggestion = text.closest(among: known).map { "; did you mean \"\($0)\"?" } ?? ""
            let words = known.joined(separator: ", ")
            throw error("\(text.shown) is unknown\(suggestion) (known: \(words))")
        }
        return choice
    }

    /// A list's elements, each with its own path.
    public func list(count range: ClosedRange<Int>) throws(YAMLError) -> [YAMLValue] {
        guard case .list(let elements) = node.content else {
            throw error("expected a list, found \(node.found)")
        }
        guard range.contains(elements.count) else {
            throw error("a list of \(elements.count); expected \(range.shown) elements")
        }
        return elements.enumerated().map { index, element in
            YAMLValue(node: element, path: "\(path)[\(index)]")
        }
    }

    func plainText(expected: String) throws(YAMLError) -> String {
        switch node.content {
        case .scalar(let text, isPlain: true):
            return text
        case .scalar(_, isPlain: false):
            throw error("expected \(expected), found \(node.found); remove the quotes")
        case .null, .list, .mapping:
            throw error("expected \(expected), found \(node.found)")
        }
    }
}

extension ClosedRange<Int> {
    fileprivate var shown: String {
        if lowerBound == upperBound { return "\(lowerBound)" }
        return upperBound == .max ? "at least \(lowerBound)" : "\(lowerBound) to \(upperBound)"
    }
}
