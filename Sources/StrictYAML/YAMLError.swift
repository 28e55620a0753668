/// Where a value was written: a place in a file, or an override such as an environment variable.
public enum YAMLOrigin: Sendable, Hashable, CustomStringConvertible {
    /// Lines and columns count from 1; a column is a Unicode scalar.
    case file(name: String, line: Int, column: Int)
    /// A whole file, when no place in it is to blame (it cannot be read, it is too large).
    case wholeFile(name: String)
    /// For example "environment MARTLET_SERVER__LISTEN" or "--set server.listen".
    case override(name: String)

    public var description: String {
        switch self {
        case .file(let name, let line, let column): "\(name.singleLine):\(line):\(column)"
        case .wholeFile(let name), .override(let name): name.singleLine
        }
    }
}

/// What is wrong with a document, on one line:
/// `FILE:LINE:COLUMN: path.to[0].key: what is wrong; what to do`.
public struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
    public var origin: YAMLOrigin
    /// For example `models[0].endpoints`; empty for the document itself.
    public var path: String
    public var problem: String

    public init(origin: YAMLOrigin, path: String = "", problem: String) {
        self.origin = origin
        self.path = path.singleLine
        self.problem = problem.singleLine
    }

    public var description: String {
        path.isEmpty ? "\(origin): \(problem)" : "\(origin): \(path): \(problem)"
    }
}

extension String {
    /// Documents are untrusted and errors go to terminals and logs: control characters must not.
    package var singleLine: String {
        guard unicodeScalars.contains(where: \.breaksLine) else { return self }
        var result = ""
        for scalar in unicodeScalars {
            if scalar.breaksLine {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The text as an error shows it: quoted, on one line, and no longer than need be.
    package var shown: String {
        let limit = 60
        let start = unicodeScalars.prefix(limit)
        let cut = start.endIndex == unicodeScalars.endIndex ? "" : "..."
        return "\"\(String(start).singleLine)\(cut)\""
    }
}

extension Unicode.Scalar {
    fileprivate var breaksLine: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .format: true
        default: false
        }
    }
}
