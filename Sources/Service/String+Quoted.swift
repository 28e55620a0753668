extension String {
    /// In quotes and no longer than a reader needs to know it again: what a client sent goes into
    /// statuses and logs, which it must not fill.
    var quoted: String {
        let limit = 64
        // By scalars: one character may be any number of them.
        let shown = String(String.UnicodeScalarView(unicodeScalars.prefix(limit)))
        return shown == self ? "\"\(self)\"" : "\"\(shown)…\""
    }
}
