private import Foundation

/// One YAML document, with overrides applied, ready to be read by type.
///
/// Safe for untrusted bytes: its size and depth are bounded, anchors, aliases and tags are
/// refused, and so are duplicate keys.
public struct YAMLDocument: Sendable {
    /// A longer document is refused.
    public static let maximumBytes = 1 << 20

    private var tree: YAMLNode

    /// Reads a file, which errors call by `path`.
    public init(contentsOfFile path: String) throws(YAMLError) {
        func unreadable(_ reason: String) -> YAMLError {
            YAMLError(origin: .wholeFile(name: path), problem: "cannot be read: \(reason)")
        }
        let bytes: [UInt8]
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            bytes = [UInt8](try handle.read(upToCount: Self.maximumBytes + 1) ?? Data())
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
            throw unreadable("there is no such file")
        } catch {
            throw unreadable((error as NSError).localizedDescription)
        }
        try self.init(bytes, name: path)
    }

    /// Parses bytes, which errors call by `name`.
    public init(_ bytes: [UInt8], name: String) throws(YAMLError) {
        guard bytes.count <= Self.maximumBytes else {
            throw YAMLError(
                origin: .wholeFile(name: name),
                problem: "longer than \(Self.maximumBytes) bytes; a document must be shorter"
            )
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw YAMLError(
                origin: .wholeFile(name: name),
                problem: "not UTF-8 text; save the file as UTF-8"
            )
        }
        tree =
            try YAMLNode.parse(text) { .file(name: name, line: $0, column: $1) }
            ?? YAMLNode(content: .null, origin: .file(name: name, line: 1, column: 1))
    }

    /// Parses text, which errors call by `name`.
    public init(_ text: String, name: String) throws(YAMLError) {
        try self.init(Array(text.utf8), name: name)
    }

    /// The document's value, from which everything is read.
    public var root: YAMLValue {
        YAMLValue(node: tree, path: "")
    }

    /// Sets a value by path, making mappings and lists on the way where there is nothing yet.
    /// The last one applied wins.
    ///
    /// - Throws: When the text is not YAML, when the way leads through a value that is neither
    ///   mapping nor list, or past a list's end by more than one.
    public mutating func apply(_ override: YAMLOverride) throws(YAMLError) {
        let origin = YAMLOrigin.override(name: override.origin)
        let path = override.path.description
        guard override.text.utf8.count <= Self.maximumBytes else {
            throw YAMLError(
                origin: origin,
                path: path,
                problem: "longer than \(Self.maximumBytes) bytes"
            )
        }
        guard !override.path.parts.isEmpty, override.path.parts.count < YAMLNode.maximumDepth
        else {
            throw YAMLError(
                origin: origin,
                problem: "a path must have 1 to \(YAMLNode.maximumDepth - 1) parts"
            )
        }
        let value =
            try override.isLiteral
            ? YAMLNode(content: .scalar(override.text, isPlain: true), origin: origin)
            : Self.parse(override, path: path, origin: origin)
        try tree.set(value, at: override.path.parts[...], path: "", origin: origin)
    }

    private static func parse(
        _ override: YAMLOverride,
        path: String,
        origin: YAMLOrigin
    ) throws(YAMLError) -> YAMLNode {
        do {
            return try YAMLNode.parse(override.text) { _, _ in origin }
                ?? YAMLNode(content: .null, origin: origin)
        } catch {
            throw YAMLError(
                origin: origin,
                path: path,
                problem: error.path.isEmpty ? error.problem : "\(error.path): \(error.problem)"
            )
        }
    }
}

extension YAMLNode {
    fileprivate mutating func set(
        _ value: YAMLNode,
        at parts: ArraySlice<String>,
        path: String,
        origin: YAMLOrigin
    ) throws(YAMLError) {
        guard let part = parts.first else {
            self = value
            return
        }
        let index = YAMLPath.index(part)
        if case .null = content {
            self = YAMLNode(content: index == nil ? .mapping([]) : .list([]), origin: origin)
        }
        switch content {
        case .mapping(var entries):
            let childPath = path.appending(key: part)
            let position = entries.firstIndex { $0.key == part } ?? entries.endIndex
            if position == entries.endIndex {
                let empty = YAMLNode(content: .null, origin: origin)
                entries.append(Entry(key: part, keyOrigin: origin, value: empty))
            }
            try entries[position].value.set(
                value,
                at: parts.dropFirst(),
                path: childPath,
                origin: origin
            )
            content = .mapping(entries)
        case .list(var elements):
            guard let index, index <= elements.count else {
                throw YAMLError(
                    origin: origin,
                    path: index.map { "\(path)[\($0)]" } ?? path.appending(key: part),
                    problem: "\(path) is a list of \(elements.count) here; use an index from 0 to"
                        + " \(elements.count)"
                )
            }
            if index == elements.count {
                elements.append(YAMLNode(content: .null, origin: origin))
            }
            try elements[index].set(
                value,
                at: parts.dropFirst(),
                path: "\(path)[\(index)]",
                origin: origin
            )
            content = .list(elements)
        case .scalar, .null:
            throw YAMLError(
                origin: origin,
                path: path.appending(key: part),
                problem: "\(path.isEmpty ? "the document" : path) is \(found), set at"
                    + " \(self.origin), and holds no keys"
            )
        }
    }
}
