internal import Foundation
internal import LoadGeneration

/// A line on standard error that tells how a load goes: on a terminal it stays one and changes each
/// second, elsewhere one comes every ten seconds.
struct BenchProgress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private static let secondsBetweenLines = 10

    /// Called each second.
    func tell(_ record: LoadRecord) {
        let second = Int(record.elapsed.seconds.rounded())
        guard isTerminal || second % Self.secondsBetweenLines == 0 else { return }
        let line = record.note { ledger, _ in
            let recent = ledger.takeRecent()
            return Self.line(second, ledger, recent.chunk, recent.final)
        }
        write(isTerminal ? "\(Terminal.clearedLine)\(line)" : "\(line)\n")
    }

    /// Something is done before the load begins.
    func tell(_ text: String) {
        if isTerminal { write("\(Terminal.clearedLine)\(text)") }
    }

    /// The last line makes room for what follows.
    func finish() {
        if isTerminal { write(Terminal.clearedLine) }
    }

    private static func line(
        _ second: Int,
        _ ledger: LoadLedger,
        _ chunk: LatencyHistogram,
        _ final: LatencyHistogram
    ) -> String {
        func milliseconds(_ histogram: LatencyHistogram) -> String {
            histogram.quantile(0.95).map { "\(Int(($0.seconds * 1000).rounded(.up))) ms" } ?? "-"
        }
        var parts = [
            "\(second) s", "\(ledger.open) open", "\(ledger.speaking) speaking",
            "\(ledger.completed) done", "chunk p95 \(milliseconds(chunk))",
            "final p95 \(milliseconds(final))",
        ]
        if ledger.refused > 0 { parts.append("\(ledger.refused) refused") }
        if ledger.failed > 0 { parts.append("\(ledger.failed) FAILED") }
        if ledger.differing > 0 { parts.append("\(ledger.differing) DIFFER") }
        return parts.joined(separator: "  ")
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
