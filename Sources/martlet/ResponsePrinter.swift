internal import Foundation
internal import SwiftProtobuf
internal import Wire

/// Shows responses as they come.
protocol ResponsePrinter {
    func print(_ response: Transcription.TimedResponse)
    /// Called once, when the last response has come or the call has failed.
    func finish()
}

/// One response a line, as JSON.
struct JSONPrinter: ResponsePrinter {
    let file: String

    func print(_ timed: Transcription.TimedResponse) {
        var object: [String: Any] = [:]
        if let json = try? timed.response.jsonUTF8Data(),
            let fields = try? JSONSerialization.jsonObject(with: json) as? [String: Any]
        {
            object = fields
        }
        object["file"] = file
        object["sendTime"] = rounded(timed.sendTime)
        object["receiveTime"] = rounded(timed.receiveTime)
        guard
            let line = try? JSONSerialization.data(
                withJSONObject: object,
                options: [.sortedKeys, .withoutEscapingSlashes]
            )
        else { return }
        FileHandle.standardOutput.write(line + Data("\n".utf8))
    }

    func finish() {}

    /// To the microsecond.
    private func rounded(_ seconds: Double) -> Double {
        (seconds * 1e6).rounded() / 1e6
    }
}

/// The text: on a terminal, the line grows as words come; elsewhere only what is final is printed.
struct TextPrinter: ResponsePrinter {
    /// Printed before the text, where there are several.
    let file: String?
    let terminal: Terminal?

    func print(_ timed: Transcription.TimedResponse) {
        for result in timed.response.results {
            guard let transcript = result.alternatives.first?.transcript else { continue }
            let line = file.map { "\($0): \(transcript)" } ?? transcript
            if result.isFinal {
                write(terminal == nil ? "\(line)\n" : "\(Terminal.clearedLine)\(line)\n")
            } else if let terminal {
                write("\(Terminal.clearedLine)\(terminal.fitted(line))")
            }
        }
    }

    func finish() {
        if terminal != nil { write(Terminal.clearedLine) }
    }

    private func write(_ text: String) {
        FileHandle.standardOutput.write(Data(text.utf8))
    }
}
