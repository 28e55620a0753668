internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import SwiftProtobuf
internal import Testing
internal import Wire

@Suite(.timeLimit(.minutes(1))) struct CrumbledMessageTests {
    /// A message of a hundred thousand slices and as many fields is read in a moment: were each
    /// step to search the slices, it would take minutes.
    @Test func aMessageInCrumbsIsReadInReasonableTime() throws {
        let field: [UInt8] = [0x08, 0x01]
        var message = MessageBytes()
        for _ in 0..<100_000 { message.append(MessageBytes(field)) }
        var reader = ProtobufFieldReader(message)
        var fields = 0
        while try reader.next() != nil { fields += 1 }
        #expect(fields == 100_000)
    }
}
