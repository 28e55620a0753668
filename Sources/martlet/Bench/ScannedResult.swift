internal import GRPCTransport
internal import MessageCoding

/// What a load generator must know of each result, found where it lies in a `RecognizeResponse`:
/// most results are interim ones, whose words nobody reads.
struct ScannedResult {
    var isFinal = false
    /// How much of the audio had to be received for it.
    var audioProcessedNanoseconds: Int64 = 0

    /// - Throws: `ProtobufFieldError` when the bytes are not such a message.
    static func forEach(
        in response: MessageBytes,
        _ body: (ScannedResult) -> Void
    ) throws(ProtobufFieldError) {
        var fields = ProtobufFieldReader(response)
        while let field = try fields.next() {
            guard field.number == 1, case .bytes(let range) = field.value else { continue }
            body(try ScannedResult(response[range]))
        }
    }

    private init(_ result: MessageBytes) throws(ProtobufFieldError) {
        var fields = ProtobufFieldReader(result)
        while let field = try fields.next() {
            switch (field.number, field.value) {
            case (2, .varint(let value)): isFinal = value != 0
            case (5, .bytes(let range)):
                audioProcessedNanoseconds = try Self.nanoseconds(result[range])
            default: break
            }
        }
    }

    /// Of a `google.protobuf.Duration`.
    private static func nanoseconds(_ duration: MessageBytes) throws(ProtobufFieldError) -> Int64 {
        var fields = ProtobufFieldReader(duration)
        var (seconds, nanoseconds): (Int64, Int64) = (0, 0)
        while let field = try fields.next() {
            guard case .varint(let value) = field.value else { continue }
            if field.number == 1 { seconds = Int64(truncatingIfNeeded: value) }
            if field.number == 2 { nanoseconds = Int64(truncatingIfNeeded: value) }
        }
        // Whatever a server says, the sum stays within the type.
        let bounded = min(max(seconds, 0), 1 << 32)
        return bounded * 1_000_000_000 + min(max(nanoseconds, 0), 999_999_999)
    }
}
