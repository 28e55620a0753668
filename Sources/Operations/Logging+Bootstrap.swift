package import Foundation
public import Logging

extension LoggingSystem {
    /// Sends the process's log to standard error, a line an event. To be called once, at the start.
    ///
    /// - Parameter level: What loggers let pass that are not told otherwise.
    public static func bootstrapStandardError(level: Logger.Level) {
        bootstrap { _ in
            LineLogHandler(logLevel: level) { line in
                // One write a line, so that lines of several threads do not mix.
                try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
            }
        }
    }
}

/// Makes a line of each event: `2026-02-03T04:05:06.789Z warning message key=value`.
///
/// Values, and messages' line breaks, are escaped, so that an event is never more than a line and
/// untrusted text in it can forge no other.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let now: @Sendable () -> Date
    private let write: @Sendable (String) -> Void

    package init(
        logLevel: Logger.Level,
        now: @escaping @Sendable () -> Date = { Date() },
        write: @escaping @Sendable (_ line: String) -> Void
    ) {
        self.logLevel = logLevel
        self.now = now
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var pairs = metadata
        if let provided = metadataProvider?.get() { pairs.merge(provided) { _, new in new } }
        if let given = event.metadata { pairs.merge(given) { _, new in new } }
        var line = now().formatted(Self.timestamp)
        line += " \(event.level) \(Self.escape("\(event.message)", quoting: false))"
        if let error = event.error { pairs["error"] = pairs["error"] ?? "\(error)" }
        for (key, value) in pairs.sorted(by: { $0.key < $1.key }) {
            line += " \(Self.escape(key, quoting: true))=\(Self.escape("\(value)", quoting: true))"
        }
        write(line + "\n")
    }

    private static let timestamp = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private static func escape(_ text: String, quoting: Bool) -> String {
        var escaped = ""
        var needsQuotes = quoting && text.isEmpty
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": escaped += "\\n"
            case "\r": escaped += "\\r"
            case "\t": escaped += "\\t"
            case "\"" where quoting, "\\" where quoting: escaped += "\\\(scalar)"
            default:
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator:
                    escaped += "\\u{\(String(scalar.value, radix: 16))}"
                default:
                    escaped.unicodeScalars.append(scalar)
                }
            }
            if quoting, scalar == " " || scalar == "=" || scalar == "\"" { needsQuotes = true }
        }
        return needsQuotes ? "\"\(escaped)\"" : escaped
    }
}
