internal import Foundation

/// Where the encoder's state lives, as a model's `state_policy` says.
enum StatePolicy: String, Sendable, CaseIterable {
    case carried, resident

    /// Those that the exported bundle offers.
    static let offered: [StatePolicy] = {
        guard
            let places = Laboratory.Places.found,
            let description = try? String(
                contentsOfFile: "\(places.export)/bundle/model.yaml",
                encoding: .utf8
            )
        else { return [] }
        // A bundle that offers it says on which model of Triton's.
        let hasResident = description.split(separator: "\n").contains {
            $0.drop { $0 == " " }.hasPrefix("resident:")
        }
        return hasResident ? allCases : [.carried]
    }()

    /// Keys of the model in the configuration, as within braces; none where it is the bundle's own.
    var modelSettings: String { self == .carried ? "" : "state_policy: \(rawValue)" }
}
