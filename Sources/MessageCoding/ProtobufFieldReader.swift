public import GRPCTransport

/// Walks the top-level fields of a serialised protobuf message where it lies, in however many
/// slices it arrived.
///
/// For what must not be copied twice: a parser first joins the slices and then copies each `bytes`
/// field out, while a field found here is a range of the message, which can be cut from it without
/// a copy (tensors) or with exactly one (audio). Everything else goes through the generated code.
///
/// The bytes are untrusted: every length is checked against what is there.
/// Wire format: https://protobuf.dev/programming-guides/encoding/
public struct ProtobufFieldReader {
    /// A field of a message.
    public struct Field: Equatable {
        public var number: Int
        public var value: Value

        public init(number: Int, value: Value) {
            self.number = number
            self.value = value
        }
    }

    /// A field's value as the wire format knows it.
    public enum Value: Equatable {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        /// Where a string, `bytes` or message field lies in the message.
        case bytes(Range<Int>)
    }

    private let message: MessageBytes
    /// Where the next field begins.
    package private(set) var offset = 0
    /// A stretch of the message, copied once, so that the short reads of tags and lengths do not
    /// look up slices each time.
    private var window = Window()

    /// A message in more slices than this is joined first. A received message has some for every
    /// 16 KiB; one that was cut into crumbs would make each step search them all.
    static let maximumSlicesInPlace = 1024

    public init(_ message: MessageBytes) {
        self.message =
            message.sliceCount > Self.maximumSlicesInPlace
            ? MessageBytes([UInt8](message)) : message
    }

    /// The slices that are read: the message's own, or one.
    package var sliceCount: Int { message.sliceCount }

    /// The next field, or nil at the end.
    /// - Throws: ``ProtobufFieldError`` when the bytes are not a protobuf message.
    public mutating func next() throws(ProtobufFieldError) -> Field? {
        guard offset < message.count else { return nil }
        let start = offset
        let tag = try readVarint()
        guard tag >> 3 > 0, tag >> 3 <= Self.maximumFieldNumber else {
            throw ProtobufFieldError(offset: start, problem: .invalidFieldNumber)
        }
        let number = Int(tag >> 3)
        switch tag & 7 {
        case 0:
            return Field(number: number, value: .varint(try readVarint()))
        case 1:
            return Field(number: number, value: .fixed64(try readFixed(byteCount: 8)))
        case 2:
            let length = try readVarint()
            guard length <= UInt64(message.count - offset) else {
                throw ProtobufFieldError(offset: start, problem: .truncated)
            }
            let range = offset..<offset + Int(length)
            offset = range.upperBound
            return Field(number: number, value: .bytes(range))
        case 5:
            return Field(
                number: number,
                value: .fixed32(UInt32(try readFixed(byteCount: 4)))
            )
        default:
            throw ProtobufFieldError(offset: start, problem: .invalidWireType)
        }
    }

    private static let maximumFieldNumber: UInt64 = (1 << 29) - 1

    private mutating func readVarint() throws(ProtobufFieldError) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: 0, through: 63, by: 7) {
            let byte = try readByte()
            if shift == 63, byte > 1 { break }
            result |= UInt64(byte & 0x7f) << UInt64(shift)
            if byte & 0x80 == 0 { return result }
        }
        throw ProtobufFieldError(offset: offset, problem: .varintTooLong)
    }

    private mutating func readFixed(byteCount: Int) throws(ProtobufFieldError) -> UInt64 {
        var result: UInt64 = 0
        for index in 0..<byteCount {
            result |= UInt64(try readByte()) << UInt64(8 * index)
        }
        return result
    }

    private mutating func readByte() throws(ProtobufFieldError) -> UInt8 {
        guard offset < message.count else {
            throw ProtobufFieldError(offset: offset, problem: .truncated)
        }
        defer { offset += 1 }
        return window.byte(at: offset, of: message)
    }
}

/// The bytes around the reader's place.
private struct Window {
    private var start = 0
    private var count = 0
    private var bytes: (UInt64, UInt64) = (0, 0)

    mutating func byte(at offset: Int, of message: MessageBytes) -> UInt8 {
        if offset < start || offset >= start + count {
            start = offset
            count = min(16, message.count - offset)
            withUnsafeMutableBytes(of: &bytes) { buffer in
                message[offset..<offset + count].copyBytes(to: buffer)
            }
        }
        return withUnsafeBytes(of: bytes) { $0[offset - start] }
    }
}

/// Why bytes are not a protobuf message.
public struct ProtobufFieldError: Error, Equatable, CustomStringConvertible {
    public enum Problem: String, Sendable {
        case truncated = "the message ends within a field"
        case varintTooLong = "a number takes more than 64 bits"
        case invalidFieldNumber = "a field number is out of range"
        case invalidWireType = "a field is of no known wire type"
    }

    /// Where the field begins in the message.
    public var offset: Int
    public var problem: Problem

    public var description: String { "\(problem.rawValue), at byte \(offset)" }
}
