internal import GRPCTransport
internal import MessageCoding
internal import Recognition
internal import SwiftProtobuf

/// Reads the one message of a call that takes one, within `firstMessageTimeout`.
struct FirstMessage: Sendable {
    private let read: @Sendable (ServerCall) async throws -> MessageBytes?

    init<C: Clock>(limits: StreamLimits, clock: C) where C.Duration == Duration {
        read = { call in
            let timer = StreamTimer(limits: limits, clock: clock)
            do {
                return try await timer.guarding(call) { try await timer.next(of: call) }
            } catch let error as RecognitionError {
                throw error.status
            }
        }
    }

    /// - Throws: `RPCError` when none comes, or when it cannot be parsed.
    func callAsFunction<Request: SwiftProtobuf.Message>(
        of call: ServerCall
    ) async throws -> Request {
        guard let message = try await read(call) else {
            throw RPCError(.invalidArgument, "the call ended without a request")
        }
        return try parse(message)
    }
}

/// Makes a handler of a function from one message to one message.
func unaryHandler<Request: SwiftProtobuf.Message, Response: SwiftProtobuf.Message>(
    _ first: FirstMessage,
    _ method: @escaping @Sendable (Request) async throws -> Response
) -> Server.Handler {
    { call in
        let response = try await method(try await first(of: call))
        try await call.send(try response.messageBytes())
    }
}

/// Parses a message from a client.
/// - Throws: `RPCError` with `INVALID_ARGUMENT` naming the message's type.
func parse<Request: SwiftProtobuf.Message>(_ message: MessageBytes) throws(RPCError) -> Request {
    do {
        return try Request(parsing: message)
    } catch {
        throw RPCError(
            .invalidArgument,
            "the message is not a \(Request.protoMessageName): \(error)"
        )
    }
}
