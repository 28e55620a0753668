internal import Foundation

/// The finals of each recording recognised alone, as lines of JSON: a header that says how it was
/// recognised, then one line a recording.
public struct ExpectedFinals: Sendable, Equatable {
    private struct Header: Codable {
        var martletFinals: Int
        var config: String
    }

    private struct Line: Codable {
        var recording: String
        var finals: [FinalSegment]
    }

    private static let version = 1

    /// What was asked of recognition: finals are compared only where it is the same.
    public let config: String
    public var finals: [String: StreamFinals] = [:]

    public init(config: String) {
        self.config = config
    }

    /// - Throws: ``LoadError`` when the text is none of ``lines()``, naming the line.
    public init(contentsOf text: String, file: String) throws(LoadError) {
        let lines = text.split(separator: "\n")
        let decoder = JSONDecoder()
        guard let first = lines.first,
            let header = try? decoder.decode(Header.self, from: Data(first.utf8)),
            header.martletFinals == Self.version
        else {
            throw LoadError("\(file) is not a file that `martlet bench --save-finals` has written")
        }
        config = header.config
        for (index, text) in lines.enumerated().dropFirst() {
            guard let line = try? decoder.decode(Line.self, from: Data(text.utf8)) else {
                throw LoadError("\(file):\(index + 1): not a recording's finals")
            }
            finals[line.recording] = StreamFinals(line.finals)
        }
    }

    public func lines() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var lines = [try encoder.encode(Header(martletFinals: Self.version, config: config))]
        for (recording, finals) in finals.sorted(by: { $0.key < $1.key }) {
            lines.append(
                try encoder.encode(Line(recording: recording, finals: finals.segments))
            )
        }
        return lines.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined()
    }
}
