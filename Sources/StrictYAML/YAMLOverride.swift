/// A value set from outside the file, by path.
public struct YAMLOverride: Sendable {
    public let path: YAMLPath
    public let text: String
    /// Whether `text` is the value itself; otherwise it is YAML, such as `4` or `["a:1", "b:1"]`.
    public let isLiteral: Bool
    /// What errors call it: "environment MARTLET_SERVER__LISTEN", "--set server.listen".
    public let origin: String

    public init(path: YAMLPath, text: String, isLiteral: Bool = false, origin: String) {
        self.path = path
        self.text = text
        self.isLiteral = isLiteral
        self.origin = origin
    }

    /// Reads a flag's argument, `PATH=VALUE`.
    ///
    /// - Parameters:
    ///   - assignment: For example `models[0].endpoints=["a:1"]`.
    ///   - flag: The flag's own name, for error messages: `--set`.
    public init(assignment: String, flag: String) throws(YAMLError) {
        guard let equals = assignment.firstIndex(of: "=") else {
            throw YAMLError(
                origin: .override(name: flag),
                problem: "\(assignment.shown) is not an assignment; write \(flag) PATH=VALUE"
            )
        }
        let name = String(assignment[..<equals])
        guard let path = YAMLPath(name) else {
            throw YAMLError(
                origin: .override(name: flag),
                problem: "\(name.shown) is not a path; write one like models[0].endpoints"
            )
        }
        self.init(
            path: path,
            text: String(assignment[assignment.index(after: equals)...]),
            origin: "\(flag) \(path)"
        )
    }

    /// The overrides an environment holds: variables that start with `prefix` and part the path
    /// with two underscores. `MARTLET_MODELS__0__ENDPOINTS` sets `models[0].endpoints`.
    /// Variables with the prefix and no `__` belong to others and are left alone.
    public static func environment(
        _ environment: [String: String],
        prefix: String
    ) throws(YAMLError) -> [YAMLOverride] {
        var overrides: [YAMLOverride] = []
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
            guard name.hasPrefix(prefix), name.contains("__") else { continue }
            let parts = name.dropFirst(prefix.count).split(
                separator: "__",
                omittingEmptySubsequences: false
            )
            guard parts.count > 1, !parts.contains(where: \.isEmpty) else {
                throw YAMLError(
                    origin: .override(name: "environment \(name)"),
                    problem: "a part of the path is empty; write a variable like"
                        + " \(prefix)SERVER__LISTEN"
                )
            }
            overrides.append(
                YAMLOverride(
                    path: YAMLPath(parts: parts.map { $0.lowercased() }),
                    text: value,
                    origin: "environment \(name)"
                )
            )
        }
        return overrides.sorted { $0.path < $1.path }
    }
}
