internal import GRPCTransport
internal import MessageCoding
internal import Recognition
internal import SwiftProtobuf
internal import Wire

extension RecognitionError {
    /// The gRPC status that a client sees, with `google.rpc` details: why (`ErrorInfo`), which
    /// field (`BadRequest`), when to try again (`RetryInfo`).
    ///
    /// The one place where errors become statuses.
    var status: RPCError {
        let message = String(
            String.UnicodeScalarView(self.message.unicodeScalars.prefix(Self.maximumMessageScalars))
        )
        var details: [any SwiftProtobuf.Message] = [
            Google_Rpc_ErrorInfo.with {
                $0.reason = code.description
                $0.domain = "martlet"
                $0.metadata = ["origin": origin.rawValue]
            }
        ]
        if let field {
            details.append(
                Google_Rpc_BadRequest.with {
                    $0.fieldViolations = [
                        .with {
                            $0.field = field
                            $0.description_p = message
                        }
                    ]
                }
            )
        }
        if let retryDelay {
            details.append(Google_Rpc_RetryInfo.with { $0.retryDelay = .init(retryDelay) })
        }
        let status = Google_Rpc_Status.with {
            $0.code = Int32(statusCode.rawValue)
            $0.message = message
            // A detail that cannot be packed is left out: the code and the message suffice.
            $0.details = details.compactMap { try? Google_Protobuf_Any(message: $0) }
        }
        return RPCError(statusCode, message, details: (try? status.serializedBytes()) ?? [])
    }

    /// The message travels up to three times in the headers that end a call, which gRPC clients
    /// take up to 8 KiB of.
    private static let maximumMessageScalars = 1024

    private var statusCode: RPCError.Code {
        switch code {
        case .unknownModel: .notFound
        case .firstMessageTimeout, .idleTimeout, .modelTooSlow: .deadlineExceeded
        case .maximumDurationExceeded: .outOfRange
        case .tooManyStreams, .overloaded: .resourceExhausted
        case .modelUnavailable: .unavailable
        case .modelFailed: .internal
        case .cancelled: .cancelled
        default: origin == .client ? .invalidArgument : .internal
        }
    }
}

extension Google_Protobuf_Duration {
    /// The same duration, to the nanosecond.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(seconds: seconds, nanos: Int32(attoseconds / 1_000_000_000))
    }
}
