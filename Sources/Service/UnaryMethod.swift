internal import GRPCTransport
internal import MessageCoding
internal import SwiftProtobuf

/// Makes a handler of a function from one message to one message.
func unaryHandler<Request: SwiftProtobuf.Message, Response: SwiftProtobuf.Message>(
    _ method: @escaping @Sendable (Request) async throws -> Response
) -> Server.Handler {
    { call in
        let request: Request = try await onlyMessage(of: call)
        let response = try await method(request)
        try await call.send(try response.messageBytes())
    }
}

/// The one message of a call that takes one.
/// - Throws: `RPCError` when there is none, or when it cannot be parsed.
func onlyMessage<Request: SwiftProtobuf.Message>(of call: ServerCall) async throws -> Request {
    guard let message = try await call.next() else {
        throw RPCError(.invalidArgument, "the call ended without a request")
    }
    return try parse(message)
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
