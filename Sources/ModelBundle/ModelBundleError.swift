internal import StrictYAML

/// Why a bundle cannot be used, on one line that names the file, the field, and what to do.
public struct ModelBundleError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file, and in a text file the place: `bundle/model.yaml:12:3`.
    public let place: String
    /// The field, tensor or token concerned; empty when it is the file as a whole.
    public let field: String
    /// What is wrong and what to do about it.
    public let problem: String

    public var description: String {
        field.isEmpty ? "\(place): \(problem)" : "\(place): \(field): \(problem)"
    }

    init(place: String, field: String = "", problem: String) {
        // Names in a bundle's files are untrusted and may hold line breaks.
        let error = YAMLError(
            origin: .wholeFile(name: place),
            path: field,
            problem: problem
        )
        self.place = error.origin.description
        self.field = error.path
        self.problem = error.problem
    }

    init(_ error: YAMLError) {
        place = error.origin.description
        field = error.path
        problem = error.problem
    }
}
