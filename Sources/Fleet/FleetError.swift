/// Why the fleet could not run a chunk.
public struct FleetError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// No endpoint is ready, or each one that was tried could not be reached.
        case unavailable
        /// An endpoint took longer than the deadline.
        case deadlineExceeded
        /// An endpoint refused the request or failed while running it.
        case backendFailure
        /// An endpoint's answer, or the model it serves, is not what the bundle describes.
        case incompatible
        /// The fleet has as much to do as it can; a new stream would make those it has suffer.
        case overloaded
        /// The caller went away.
        case cancelled
    }

    public var kind: Kind
    /// What happened, where, in one line.
    public var message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
}
