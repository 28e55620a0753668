internal import Foundation

/// A terminal on standard output.
struct Terminal {
    /// Characters in a line.
    let columns: Int

    /// Goes back to the start of the line and clears it.
    static let clearedLine = "\r\u{1B}[K"

    /// The terminal that standard output leads to, or nil when it leads elsewhere.
    static var standardOutput: Terminal? {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
        var size = winsize()
        let known = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return Terminal(columns: known ? Int(size.ws_col) : 80)
    }

    /// The end of the text, as much as fits in a line: what is being said is what is looked at.
    func fitted(_ text: String) -> String {
        text.count < columns ? text : "…" + text.suffix(max(0, columns - 2))
    }
}
