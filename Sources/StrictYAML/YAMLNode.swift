/// A parsed document's tree: what YAML calls nodes, without anchors, aliases and tags.
struct YAMLNode: Sendable {
    enum Content: Sendable {
        /// A missing value, `~` or `null`.
        case null
        /// `isPlain` is false for quoted and block text, which is never read as a number.
        case scalar(String, isPlain: Bool)
        case list([YAMLNode])
        case mapping([Entry])
    }

    struct Entry: Sendable {
        var key: String
        var keyOrigin: YAMLOrigin
        var value: YAMLNode
    }

    var content: Content
    var origin: YAMLOrigin

    /// How an error names what it found.
    var found: String {
        switch content {
        case .null: "nothing"
        case .scalar(let text, isPlain: true): text.shown
        case .scalar(let text, isPlain: false): "the text \(text.shown)"
        case .list: "a list"
        case .mapping: "a mapping"
        }
    }
}
