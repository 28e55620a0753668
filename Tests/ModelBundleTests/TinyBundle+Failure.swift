internal import Foundation
internal import ModelBundle
internal import TestSupport

extension TinyBundle {
    /// The error that loading gives, without the directory; "no error" when there is none.
    func failure() throws -> String {
        try withDirectory { directory in
            do {
                _ = try ModelBundle.load(directory: directory)
                return "no error"
            } catch {
                return "\(error)".replacingOccurrences(of: directory + "/", with: "")
            }
        }
    }
}
