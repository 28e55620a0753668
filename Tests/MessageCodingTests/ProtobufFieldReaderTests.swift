internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import SwiftProtobuf
internal import TestSupport
internal import Testing
internal import Wire

@Suite struct ProtobufFieldReaderTests {
    /// Every way to cut a message into two slices must read the same.
    @Test func readsFieldsAcrossSlices() throws {
        let answer = Inference_ModelInferResponse.with {
            $0.modelName = "encoder"
            $0.outputs = [
                .with {
                    $0.name = "out"
                    $0.shape = [1, 300]
                }
            ]
            $0.rawOutputContents = [Data(repeating: 7, count: 300), Data([1, 2])]
        }
        let bytes: [UInt8] = try answer.serializedBytes()
        for cut in 0...bytes.count {
            var message = MessageBytes(Array(bytes[..<cut]))
            message.append(MessageBytes(Array(bytes[cut...])))
            var fields = ProtobufFieldReader(message)
            var contents: [[UInt8]] = []
            var numbers: [Int] = []
            while let field = try fields.next() {
                numbers.append(field.number)
                if field.number == 6, case .bytes(let range) = field.value {
                    contents.append(message[range].withContiguousBytes { Array($0) })
                }
            }
            #expect(numbers == [1, 5, 6, 6])
            #expect(contents == [[UInt8](repeating: 7, count: 300), [1, 2]])
        }
    }

    @Test func readsEveryWireType() throws {
        let bytes: [UInt8] = [
            0x08, 0x96, 0x01,  // field 1, varint 150
            0x11, 1, 0, 0, 0, 0, 0, 0, 0x80,  // field 2, fixed64
            0x1a, 1, 0xff,  // field 3, one byte
            0x25, 2, 0, 0, 0x40,  // field 4, fixed32
        ]
        var reader = ProtobufFieldReader(MessageBytes(bytes))
        var fields: [ProtobufFieldReader.Field] = []
        while let field = try reader.next() { fields.append(field) }
        #expect(
            fields == [
                .init(number: 1, value: .varint(150)),
                .init(number: 2, value: .fixed64(0x8000_0000_0000_0001)),
                .init(number: 3, value: .bytes(14..<15)),
                .init(number: 4, value: .fixed32(0x4000_0002)),
            ]
        )
    }

    @Test(arguments: [
        ([0x0a, 5, 1], ProtobufFieldError.Problem.truncated),
        ([0x0a], .truncated),
        ([0x08, 0x80], .truncated),
        ([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], .truncated),
        ([0x08] + [UInt8](repeating: 0xff, count: 11), .varintTooLong),
        ([0x00, 0x01], .invalidFieldNumber),
        ([0x0b], .invalidWireType),
        ([0x0f], .invalidWireType),
    ])
    func refusesBrokenBytes(_ bytes: [UInt8], _ problem: ProtobufFieldError.Problem) {
        var fields = ProtobufFieldReader(MessageBytes(bytes))
        do {
            while try fields.next() != nil {}
            Issue.record("\(bytes) was read")
        } catch {
            #expect(error.problem == problem)
        }
    }

    /// Whatever the bytes are, the reader ends and never goes beyond them.
    @Test func survivesRandomBytes() {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var generator = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0..<40, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            var fields = ProtobufFieldReader(MessageBytes(bytes))
            var steps = 0
            while steps <= count, let field = try? fields.next() {
                steps += 1
                if case .bytes(let range) = field.value {
                    #expect(range.upperBound <= count, "seed \(seed)")
                }
            }
            #expect(steps <= count, "seed \(seed)")
        }
    }
}
