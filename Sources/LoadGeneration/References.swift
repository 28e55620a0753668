internal import Foundation

/// What was said in recordings, by their names: those of their files, without directory and ending.
///
/// Files may be
/// - lines `name<TAB>text`, where the name may have a directory and an ending;
/// - a table with a header line that names the columns `text` and one of `file`, `name` and `id`;
///   where there is a column `set`, a recording may also be called `<set>__<id>`;
/// - lines of JSON objects with `text` and one of `file`, `name` and `id`.
public struct References: Sendable {
    private var texts: [String: String] = [:]

    private static let nameKeys = ["file", "name", "id"]

    /// - Throws: ``LoadError`` that names the line that cannot be read.
    public init(contentsOf text: String, file: String) throws(LoadError) {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        if lines.first?.hasPrefix("{") == true {
            try readObjects(lines, file)
        } else {
            try readTable(lines, file)
        }
        guard !texts.isEmpty else { throw LoadError("\(file) names no recording") }
    }

    public subscript(name: String) -> String? { texts[name] }

    /// A file's name without directory and ending.
    public static func name(ofFile path: some StringProtocol) -> String {
        let parts: [String.SubSequence] = String(path).split(separator: "/")
        let file = String(parts.last ?? "")
        guard let dot = file.lastIndex(of: "."), dot != file.startIndex else { return file }
        let ending = file[file.index(after: dot)...]
        // What follows a dot within a name, such as a date, is no ending.
        return ending.count <= 4 && ending.first?.isLetter == true ? String(file[..<dot]) : file
    }

    private mutating func readTable(_ lines: [Substring], _ file: String) throws(LoadError) {
        var (nameColumn, textColumn) = (0, 1)
        var setColumn: Int?
        var first = 0
        let header = lines.first?.split(separator: "\t").map(String.init) ?? []
        if let text = header.firstIndex(of: "text"),
            let name = Self.nameKeys.lazy.compactMap({ header.firstIndex(of: $0) }).first
        {
            (nameColumn, textColumn, first) = (name, text, 1)
            setColumn = header.firstIndex(of: "set")
        }
        for (index, line) in lines.enumerated().dropFirst(first) where !line.isEmpty {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count > max(nameColumn, textColumn), !fields[nameColumn].isEmpty else {
                throw LoadError("\(file):\(index + 1): not a recording's name, a tab and its text")
            }
            let name = Self.name(ofFile: fields[nameColumn])
            texts[name] = String(fields[textColumn])
            if let setColumn, setColumn < fields.count {
                texts["\(fields[setColumn])__\(name)"] = String(fields[textColumn])
            }
        }
    }

    private mutating func readObjects(_ lines: [Substring], _ file: String) throws(LoadError) {
        for (index, line) in lines.enumerated() where !line.isEmpty {
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
            guard let fields = object as? [String: Any], let text = fields["text"] as? String,
                let name = Self.nameKeys.lazy.compactMap({ fields[$0] as? String }).first
            else {
                throw LoadError(
                    "\(file):\(index + 1): not a JSON object with \"text\" and \"file\""
                )
            }
            texts[Self.name(ofFile: name)] = text
        }
    }
}

/// What is wrong with a file that a load is made from; the text is all there is to say.
public struct LoadError: Error, Equatable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) {
        self.description = description
    }
}
