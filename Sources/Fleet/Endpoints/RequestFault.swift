internal import GRPCTransport

/// What a request's status says about who is at fault.
enum RequestFault {
    /// No answer came: the endpoint, or the way to it, is at fault.
    case lost(reason: String, FleetError)
    /// It was answered with an error, which may be the endpoint's fault or the request's.
    case refused(reason: String, FleetError)

    init(_ error: RPCError, at address: String, timeout: Duration) {
        let message = "\(address): \(error.code): \(error.message)"
        switch error.code {
        case .unavailable, .cancelled, .notFound:
            // A server that is being stopped unloads its models, answers NOT_FOUND for them, and
            // ends the calls that it still has as CANCELLED.
            self = .lost(
                reason: "\(error.code): \(error.message)",
                FleetError(.unavailable, message)
            )
        case .deadlineExceeded:
            self = .lost(
                reason: "took longer than \(timeout)",
                FleetError(.deadlineExceeded, "\(address): took longer than \(timeout)")
            )
        default:
            self = .refused(reason: message, FleetError(.backendFailure, message))
        }
    }
}
