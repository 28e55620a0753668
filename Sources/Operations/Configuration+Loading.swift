public import Foundation
internal import StrictYAML

extension Configuration {
    /// Variables with this prefix and a `__` set values: `MARTLET_SERVER__LISTEN`.
    public static let environmentPrefix = "MARTLET_"

    /// Reads and checks a configuration. The environment overrides the file, flags override both.
    ///
    /// - Parameters:
    ///   - file: The YAML file. A bundle's relative path starts at this file's directory, also when
    ///     the environment or a flag gives it.
    ///   - environment: The process's; `MARTLET_MODELS__0__ENDPOINTS` sets `models[0].endpoints`.
    ///   - overrides: In the order of the command line; of two that set one value, the last wins.
    public static func load(
        file: String,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        overrides: [ConfigurationOverride] = []
    ) throws(ConfigurationError) -> Configuration {
        do throws(YAMLError) {
            var document = try YAMLDocument(contentsOfFile: file)
            let fromEnvironment = try YAMLOverride.environment(
                environment,
                prefix: environmentPrefix
            )
            for override in fromEnvironment + overrides.map(\.override) {
                try document.apply(override)
            }
            let directory = URL(fileURLWithPath: file).deletingLastPathComponent()
            return try Configuration(document.root) { path in
                URL(fileURLWithPath: path, relativeTo: directory).standardizedFileURL.path
            }
        } catch {
            throw ConfigurationError(description: error.description)
        }
    }
}
