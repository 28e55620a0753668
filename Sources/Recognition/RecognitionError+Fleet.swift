internal import Fleet

extension RecognitionError {
    static func modelUnavailable(_ model: String, _ complaints: String) -> RecognitionError {
        RecognitionError(
            .modelUnavailable,
            "model \"\(model)\" cannot be run: no inference server is ready (\(complaints))",
            origin: .backend,
            retryDelay: .seconds(1)
        )
    }

    init(_ error: FleetError, model: String) {
        let message = "model \"\(model)\" cannot be run: \(error.message)"
        switch error.kind {
        case .unavailable:
            self.init(
                .modelUnavailable,
                message,
                origin: .backend,
                retryDelay: .seconds(1)
            )
        case .overloaded:
            self.init(.overloaded, message, origin: .proxy, retryDelay: .seconds(1))
        case .deadlineExceeded:
            self.init(.modelTooSlow, message, origin: .backend, retryDelay: .seconds(1))
        case .backendFailure, .incompatible:
            self.init(.modelFailed, message, origin: .backend)
        case .cancelled:
            self.init(.cancelled, error.message, origin: .proxy)
        }
    }
}
