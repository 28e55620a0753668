internal import StrictYAML

/// A value that a flag sets, over the file and the environment.
public struct ConfigurationOverride: Sendable {
    let override: YAMLOverride

    /// A general flag's argument, `PATH=VALUE`, the value in YAML:
    /// `server.listen=0.0.0.0:50051`, `models[0].endpoints=["a:8001", "b:8001"]`.
    public init(assignment: String, flag: String = "--set") throws(ConfigurationError) {
        do throws(YAMLError) {
            override = try YAMLOverride(assignment: assignment, flag: flag)
        } catch {
            throw ConfigurationError(description: error.description)
        }
    }

    /// A particular flag's argument, taken as it is: `--listen [::1]:50051`.
    ///
    /// - Parameters:
    ///   - keys: The way to the value, such as `["server", "listen"]`.
    ///   - flag: The flag's name, for error messages.
    public init(keys: [String], value: String, flag: String) {
        override = YAMLOverride(
            path: YAMLPath(parts: keys),
            text: value,
            isLiteral: true,
            origin: flag
        )
    }
}
