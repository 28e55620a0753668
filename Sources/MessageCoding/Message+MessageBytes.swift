public import GRPCTransport
public import SwiftProtobuf

extension SwiftProtobuf.Message {
    /// Parses a message where it lies. Slices are joined first if there are several, so this is
    /// for small messages; what is large is found with ``ProtobufFieldReader``.
    /// - Throws: `BinaryDecodingError` when the bytes are not such a message.
    public init(parsing message: MessageBytes) throws {
        self = try message.withContiguousBytes { try Self(serializedBytes: $0.bytes) }
    }

    /// The message as bytes to send.
    /// - Throws: `BinaryEncodingError`, which a message without required fields never does.
    public func messageBytes() throws -> MessageBytes {
        MessageBytes(try serializedBytes() as [UInt8])
    }
}
