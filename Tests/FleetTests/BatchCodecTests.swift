internal import Fleet
internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import ModelBundle
internal import SwiftProtobuf
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

/// Requests and answers of several streams.
@Suite struct BatchCodecTests {
    private typealias Response = Inference_ModelInferResponse

    private let model: EncoderDescription
    private let codec: InferenceCodec

    init() throws {
        model = try TinyModel().bundle.description.encoder
        codec = try InferenceCodec(model, maximumBatch: 5)
    }

    // MARK: Tensors

    /// Shapes with the batch at each place, in small and in large pieces.
    static let shapes: [[Int?]] = [
        [nil], [nil, 3], [3, nil], [2, nil, 7], [2, 3, nil], [nil, 1024], [2, nil, 1024],
        [3, nil, 1023], [nil, 1500, 2], [1, nil, 2048], [4, 5, nil, 3],
    ]

    /// What is put together from streams' contents is the batch, row-major, and can be taken apart,
    /// in whatever slices either lies.
    @Test(arguments: shapes)
    func aBatchIsPutTogetherAndTakenApart(_ shape: [Int?]) throws {
        var random = SplitMix64.announced()
        let tensor = TensorDescription(
            name: "t",
            datatype: .float32,
            shape: shape,
            batchAxis: shape.firstIndex(of: nil) ?? 0
        )
        for count in 1...6 {
            let rows = (0..<count).map { _ in
                (0..<tensor.byteCountPerStream).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            }
            let batch = tensor.batch(rows.map { cut($0, &random) })
            // Element by element, from the definition of a row-major tensor.
            let outer = shape[..<tensor.batchAxis].reduce(1) { $0 * ($1 ?? 1) }
            let inner = tensor.byteCountPerStream / outer
            var expected: [UInt8] = []
            for place in 0..<outer {
                for row in rows { expected += row[place * inner..<(place + 1) * inner] }
            }
            #expect([UInt8](batch) == expected)

            let answer = cut(expected, &random)
            for (index, row) in rows.enumerated() {
                var copy = [UInt8](repeating: 0xaa, count: row.count)
                copy.withUnsafeMutableBytes {
                    tensor.copyRow(index, of: count, in: answer, to: $0)
                }
                #expect(copy == row)
            }
        }
    }

    /// Large pieces are sent from where they lie; small ones are put side by side.
    @Test func onlyLargePiecesAreShared() {
        func sliceCount(_ shape: [Int?]) -> Int {
            let tensor = TensorDescription(
                name: "t",
                datatype: .float32,
                shape: shape,
                batchAxis: shape.firstIndex(of: nil) ?? 0
            )
            let row = MessageBytes([UInt8](repeating: 1, count: tensor.byteCountPerStream))
            return tensor.batch([row, row, row]).sliceCount
        }
        #expect(sliceCount([nil, 1024]) == 3)
        #expect(sliceCount([nil, 1023]) == 1)
        #expect(sliceCount([2, nil, 1024]) == 6)
        #expect(sliceCount([2, nil, 1023]) == 1)
    }

    /// The same bytes in random slices.
    private func cut(_ bytes: [UInt8], _ random: inout SplitMix64) -> MessageBytes {
        var message = MessageBytes()
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + Int.random(in: 1...bytes.count, using: &random))
            message.append(MessageBytes(Array(bytes[start..<end])))
            start = end
        }
        return message
    }

    // MARK: Requests

    private func row(_ number: Int) -> [MessageBytes] {
        [
            MessageBytes(elements: (0..<20).map { Float(100 * number + $0) }),
            MessageBytes(elements: (0..<14).map { Float(-100 * number - $0) }),
            MessageBytes(elements: [Int64(number)]),
        ]
    }

    @Test(arguments: 1...5)
    func aRequestHoldsItsStreams(_ count: Int) throws {
        let rows = (0..<count).map(row)
        let request = try Inference_ModelInferRequest(parsing: codec.request(rows: rows))
        let size = Int64(count)
        #expect(request.inputs.map(\.shape) == [[size, 5, 4], [2, size, 7], [size]])
        #expect(request.outputs.map(\.name) == ["encoder_out", "new_cache", "new_lens"])
        #expect(request.rawInputContents.map(\.count) == [80 * count, 56 * count, 8 * count])
        let cache = [Float](MessageBytes([UInt8](request.rawInputContents[1])))
        var numbers: [Float] = []
        for half in 0..<2 {
            for row in 0..<count {
                for place in 0..<7 { numbers.append(Float(-100 * row - 7 * half - place)) }
            }
        }
        #expect(cache == numbers)
    }

    // MARK: Answers

    private func outputs(_ number: Int) -> [MessageBytes] {
        [
            MessageBytes(elements: (0..<6).map { Float(100 * number + $0) }),
            MessageBytes(elements: (0..<14).map { Float(-100 * number - $0) }),
            MessageBytes(elements: [Int64(number)]),
        ]
    }

    @Test(arguments: 1...5)
    func eachStreamGetsItsRow(_ count: Int) throws {
        let answer = try TinyEncoder.response((0..<count).map(outputs)).messageBytes()
        let contents = try codec.outputs(of: answer, rows: count)
        for index in 0..<count {
            #expect(codec.row(index, of: count, in: contents) == outputs(index))
        }
    }

    /// A stream that says nothing for a while must not keep the states of all the others.
    @Test func aRowOfSeveralKeepsNothingOfTheAnswer() throws {
        let answer = try TinyEncoder.response((0..<3).map(outputs)).messageBytes()
        let start = try #require(addresses(answer).first)
        let row = codec.row(1, of: 3, in: try codec.outputs(of: answer, rows: 3))
        let places = row.flatMap(addresses)
        #expect(places.allSatisfy { !(start..<start + UInt(answer.count)).contains($0) })
        #expect((places.max() ?? 0) - (places.min() ?? 0) < 88, "one slice")
    }

    private func addresses(_ message: MessageBytes) -> [UInt] {
        var addresses: [UInt] = []
        message.forEachSlice { slice in
            if let start = slice.baseAddress { addresses.append(UInt(bitPattern: start)) }
        }
        return addresses
    }

    @Test(arguments: [1, 2, 4, 5])
    func anAnswerToAnotherNumberOfStreamsIsRefused(_ count: Int) throws {
        let answer = try TinyEncoder.response((0..<count).map(outputs)).messageBytes()
        #expect {
            try codec.outputs(of: answer, rows: 3)
        } throws: { error in
            (error as? FleetError)?.message
                == """
                model "tiny-encoder": output "encoder_out" has shape [\(count), 2, 3], \
                expected [3, 2, 3]
                """
        }
    }

    @Test func survivesSpoiltAnswers() throws {
        var random = SplitMix64.announced()
        let whole = [UInt8](try TinyEncoder.response((0..<3).map(outputs)).messageBytes())
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] =
                    UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) {
                bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            }
            do {
                let contents = try codec.outputs(of: MessageBytes(bytes), rows: 3)
                let rows = (0..<3).map { codec.row($0, of: 3, in: contents) }
                #expect(rows.allSatisfy { $0.map(\.count) == [24, 56, 8] })
            } catch {
                #expect(error.kind == .incompatible)
            }
        }
    }
}
