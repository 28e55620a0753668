internal import CGRPCShim

/// How a call ended, when not with OK.
public struct RPCError: Error, Sendable, Equatable {
    public var code: Code
    /// For people; travels to the client as it is.
    public var message: String
    /// A serialised `google.rpc.Status`, or empty. Travels as `grpc-status-details-bin`.
    public var details: [UInt8]
    /// The trailing metadata: received with the status, or to be sent with it.
    public var metadata: Metadata

    public init(
        _ code: Code,
        _ message: String,
        details: [UInt8] = [],
        metadata: Metadata = Metadata()
    ) {
        self.code = code
        self.message = message
        self.details = details
        self.metadata = metadata
    }
}

extension RPCError: CustomStringConvertible {
    public var description: String { message.isEmpty ? "\(code)" : "\(code): \(message)" }
}

extension RPCError {
    /// gRPC's status codes. Numbers that gRPC does not name may come from a peer.
    public struct Code: Sendable, Hashable, RawRepresentable {
        public let rawValue: Int

        public init(rawValue: Int) {
            self.rawValue = rawValue
        }

        public static let ok = Code(rawValue: 0)
        public static let cancelled = Code(rawValue: 1)
        public static let unknown = Code(rawValue: 2)
        public static let invalidArgument = Code(rawValue: 3)
        public static let deadlineExceeded = Code(rawValue: 4)
        public static let notFound = Code(rawValue: 5)
        public static let alreadyExists = Code(rawValue: 6)
        public static let permissionDenied = Code(rawValue: 7)
        public static let resourceExhausted = Code(rawValue: 8)
        public static let failedPrecondition = Code(rawValue: 9)
        public static let aborted = Code(rawValue: 10)
        public static let outOfRange = Code(rawValue: 11)
        public static let unimplemented = Code(rawValue: 12)
        public static let `internal` = Code(rawValue: 13)
        public static let unavailable = Code(rawValue: 14)
        public static let dataLoss = Code(rawValue: 15)
        public static let unauthenticated = Code(rawValue: 16)

        private static let names = [
            "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
            "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
            "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
            "UNAUTHENTICATED",
        ]
    }
}

extension RPCError.Code: CustomStringConvertible {
    public var description: String {
        Self.names.indices.contains(rawValue) ? Self.names[rawValue] : "CODE_\(rawValue)"
    }
}

extension RPCError {
    package static let callCancelled = RPCError(.cancelled, "the call was cancelled")
    package static let taskCancelled = RPCError(.cancelled, "the task was cancelled")
    package static let callOver = RPCError(.cancelled, "the call's status has been sent")
    package static let serverStopping = RPCError(.cancelled, "the server is shutting down")
    package static let concurrentRead = RPCError(
        .failedPrecondition,
        "another task is waiting for this call's next message"
    )
    package static let concurrentWrite = RPCError(
        .failedPrecondition,
        "an earlier message of this call is still on its way"
    )
    package static let writingFinished = RPCError(
        .failedPrecondition,
        "a message cannot follow finishSending()"
    )

    package static let callEnded = RPCError(
        .unavailable,
        "the call has ended; next() tells its status"
    )

    /// What the shim reports at the end of a client's call; nil for OK.
    init?(_ status: cgrpc_status, _ metadata: Metadata) {
        guard status.code != 0 else { return nil }
        let code = Code(rawValue: Int(status.code))
        let message = status.message.string
        self.init(
            code,
            code == .unavailable ? Self.explainedConnectionFailure(message) : message,
            details: Array(status.details.buffer),
            metadata: metadata
        )
    }
}

extension RPCError {
    /// Calls `body` with the shim's view of this status, valid inside `body` alone. A code that gRPC
    /// does not have goes out as UNKNOWN.
    func withC<Value>(_ body: (UnsafePointer<cgrpc_status>) -> Value) -> Value {
        let code = (0...16).contains(self.code.rawValue) ? self.code : .unknown
        let message = Array(message.utf8)
        return message.withUnsafeBytes { message in
            details.withUnsafeBytes { details in
                var status = cgrpc_status(
                    code: Int32(code.rawValue),
                    message: cgrpc_bytes(message),
                    details: cgrpc_bytes(details)
                )
                return body(&status)
            }
        }
    }
}
