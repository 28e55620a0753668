package import GRPCTransport
internal import MessageCoding
package import Recognition
package import Wire

/// One `RecognizeRequest`, with the audio left where it arrived.
package enum RecognizeMessage {
    case config(Martlet_V1_RecognitionConfig)
    /// Audio as a range of the received message: it is copied once, into the frontend.
    case audio(MessageBytes)
    case update(Martlet_V1_RecognitionUpdate)

    private static let configField = 1
    private static let audioField = 2
    private static let updateField = 3

    /// Reads a message. As everywhere in protobuf, of several members of the oneof the last holds.
    /// - Throws: ``RecognitionError`` with code `malformedMessage` or `emptyMessage`.
    package init(_ message: MessageBytes) throws(RecognitionError) {
        var last: (field: Int, range: Range<Int>)?
        do {
            var fields = ProtobufFieldReader(message)
            while let field = try fields.next() {
                switch (field.number, field.value) {
                case (Self.configField...Self.updateField, .bytes(let range)):
                    last = (field.number, range)
                case (Self.configField...Self.updateField, _):
                    throw Self.malformed("field \(field.number) is of the wrong wire type")
                default:
                    break
                }
            }
            switch last {
            case (Self.configField, let range)?:
                self = .config(try Martlet_V1_RecognitionConfig(parsing: message[range]))
            case (Self.audioField, let range)?:
                self = .audio(message[range])
            case (_, let range)?:
                self = .update(try Martlet_V1_RecognitionUpdate(parsing: message[range]))
            case nil:
                throw RecognitionError(
                    .emptyMessage,
                    "a message sets none of config, audio and update; set exactly one"
                )
            }
        } catch let error as RecognitionError {
            throw error
        } catch {
            throw Self.malformed("\(error)")
        }
    }

    private static func malformed(_ problem: String) -> RecognitionError {
        RecognitionError(
            .malformedMessage,
            "a message is not a martlet.v1.RecognizeRequest: \(problem)"
        )
    }
}
