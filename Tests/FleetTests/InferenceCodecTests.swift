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

@Suite struct InferenceCodecTests {
    private typealias Response = Inference_ModelInferResponse

    private let model: EncoderDescription
    private let codec: InferenceCodec
    private let features = MessageBytes(elements: (0..<20).map { Float($0) })
    private let cache = MessageBytes(elements: (0..<14).map { Float(-$0) })
    private let lens = MessageBytes(elements: [Int64(1) << 40])
    private let frames = MessageBytes(elements: [Float](repeating: 0.5, count: 6))

    init() throws {
        model = try TinyModel().bundle.description.encoder
        codec = try InferenceCodec(model)
    }

    // MARK: Requests

    @Test func aRequestIsTheMessageThatTritonExpects() throws {
        func tensor(
            _ name: String,
            _ datatype: String,
            _ shape: [Int64]
        ) -> Inference_ModelInferRequest.InferInputTensor {
            .with {
                $0.name = name
                $0.datatype = datatype
                $0.shape = shape
            }
        }
        let request = try Inference_ModelInferRequest(
            parsing: codec.request([features, cache, lens])
        )
        #expect(
            request
                == .with {
                    $0.modelName = "tiny-encoder"
                    $0.inputs = [
                        tensor("x", "FP32", [1, 5, 4]), tensor("cache", "FP32", [2, 1, 7]),
                        tensor("lens", "INT64", [1]),
                    ]
                    $0.outputs = ["encoder_out", "new_cache", "new_lens"].map { name in
                        .with { $0.name = name }
                    }
                    $0.rawInputContents = [features, cache, lens].map { Data([UInt8]($0)) }
                }
        )
    }

    /// What is sent lies where it lay.
    @Test func aRequestCopiesNoTensor() {
        let request = codec.request([features, cache, lens])
        let parts = addresses(request)
        #expect(parts.isSuperset(of: addresses(features)))
        #expect(parts.isSuperset(of: addresses(cache)))
    }

    /// Around each length at which the length's own encoding grows.
    @Test(arguments: [1, 31, 32, 33, 4095, 4096, 4097, 524_287, 524_288])
    func lengthsAreEncodedRight(_ elementCount: Int) throws {
        let state = TensorDescription(
            name: "s",
            datatype: .float32,
            shape: [nil, elementCount],
            batchAxis: 0
        )
        let model = EncoderDescription(
            tritonModel: "wide",
            version: "3",
            statePolicy: .carried,
            chunkFrames: 5,
            chunkShiftFrames: 4,
            outputFrames: 2,
            outputFrameDuration: .milliseconds(20),
            features: self.model.features,
            output: self.model.output,
            states: [StateDescription(input: state, output: state)]
        )
        let contents = MessageBytes([UInt8](repeating: 7, count: elementCount * 4))
        let request = try Inference_ModelInferRequest(
            parsing: try InferenceCodec(model).request([features, contents])
        )
        #expect(request.modelVersion == "3")
        #expect(request.inputs.map(\.shape) == [[1, 5, 4], [1, Int64(elementCount)]])
        #expect(request.rawInputContents.map(\.count) == [80, elementCount * 4])
        #expect(request.rawInputContents[1].allSatisfy { $0 == 7 })
    }

    // MARK: Answers

    private var rightAnswer: Response { TinyEncoder.response([frames, cache, lens]) }

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
    func outputsAreFoundByNameInAnyOrder(_ order: [Int]) throws {
        let right = rightAnswer
        var answer = right
        answer.outputs = order.map { right.outputs[$0] }
        answer.rawOutputContents = order.map { right.rawOutputContents[$0] }
        answer.id = "ignored"
        #expect(try codec.outputs(of: try answer.messageBytes()) == [frames, cache, lens])
    }

    @Test func anAnswerMayComeInAnySlices() throws {
        let whole = [UInt8](try rightAnswer.messageBytes())
        for cut in 0...whole.count {
            var answer = MessageBytes(Array(whole[..<cut]))
            answer.append(MessageBytes(Array(whole[cut...])))
            #expect(try codec.outputs(of: answer) == [frames, cache, lens], "cut at \(cut)")
        }
    }

    @Test func outputsAreCutFromTheAnswerWithoutACopy() throws {
        let answer = try rightAnswer.messageBytes()
        let start = try #require(addresses(answer).first)
        for output in try codec.outputs(of: answer) where output.count > 32 {
            let place = try #require(addresses(output).first)
            #expect((start..<start + UInt(answer.count)).contains(place))
        }
    }

    private struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var message: String
        var change: @Sendable (inout Response) -> Void

        init(
            _ testDescription: String,
            _ message: String,
            _ change: @escaping @Sendable (inout Response) -> Void
        ) {
            self.testDescription = testDescription
            self.message = message
            self.change = change
        }
    }

    private static let faults = [
        Fault(
            "another shape",
            #"output "encoder_out" has shape [1, 3, 2], expected [1, 2, 3]"#
        ) { $0.outputs[0].shape = [1, 3, 2] },
        Fault("a batch of two", #"output "new_cache" has shape [2, 2, 7], expected [2, 1, 7]"#) {
            $0.outputs[1].shape = [2, 2, 7]
        },
        Fault("no shape", #"output "new_lens" has shape [], expected [1]"#) {
            $0.outputs[2].shape = []
        },
        Fault("another type", #"output "new_lens" is of type INT32, expected INT64"#) {
            $0.outputs[2].datatype = "INT32"
        },
        Fault("a missing state", #"output "new_cache" is missing"#) {
            $0.outputs.remove(at: 1)
            $0.rawOutputContents.remove(at: 1)
        },
        Fault("the same output twice", #"output "new_cache" is missing"#) {
            $0.outputs[1] = $0.outputs[0]
            $0.rawOutputContents[1] = $0.rawOutputContents[0]
        },
        Fault("nothing at all", #"output "encoder_out" is missing"#) { $0 = Response() },
        Fault("one that was not asked for", #"output "logits" was not asked for"#) {
            $0.outputs[0].name = "logits"
        },
        Fault("too few contents", "declares 3 outputs and holds 2") {
            $0.rawOutputContents.removeLast()
        },
        Fault("too many contents", "declares 3 outputs and holds 4") {
            $0.rawOutputContents.append(Data([1]))
        },
        Fault("contents elsewhere", "declares 3 outputs and holds 0") {
            $0.rawOutputContents = []
        },
        Fault("short contents", #"output "encoder_out" holds 23 bytes, expected 24"#) {
            $0.rawOutputContents[0].removeLast()
        },
        Fault("long contents", #"output "new_lens" holds 16 bytes, expected 8"#) {
            $0.rawOutputContents[2] += $0.rawOutputContents[2]
        },
        Fault("empty contents", #"output "new_cache" holds 0 bytes, expected 56"#) {
            $0.rawOutputContents[1] = Data()
        },
        Fault("contents in another order", #"output "encoder_out" holds 56 bytes"#) {
            $0.rawOutputContents.swapAt(0, 1)
        },
    ]

    @Test(arguments: faults)
    private func anAnswerThatDoesNotFitIsRefused(_ fault: Fault) throws {
        var answer = rightAnswer
        fault.change(&answer)
        let message = try answer.messageBytes()
        #expect {
            try codec.outputs(of: message)
        } throws: { error in
            let error = error as? FleetError
            return error?.kind == .incompatible
                && error?.message.hasPrefix(#"model "tiny-encoder": "#) == true
                && error?.message.contains(fault.message) == true
        }
    }

    @Test(arguments: [[0xff, 0xff], [0x32, 200, 1], [0x2a, 3, 0x0a, 9, 1], [0x2b]])
    func bytesThatAreNoAnswerAreRefused(_ bytes: [UInt8]) {
        #expect {
            try codec.outputs(of: MessageBytes(bytes))
        } throws: { error in
            let error = error as? FleetError
            return error?.kind == .incompatible
                && error?.message.contains("the answer is not a ModelInferResponse") == true
        }
    }

    @Test func survivesSpoiltAnswers() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("InferenceCodecTests.survivesSpoiltAnswers seed \(seed)")
        var random = SplitMix64(seed: seed)
        let whole = [UInt8](try rightAnswer.messageBytes())
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
                let outputs = try codec.outputs(of: MessageBytes(bytes))
                #expect(outputs.map(\.count) == [24, 56, 8], "seed \(seed)")
            } catch {
                #expect(error.kind == .incompatible, "seed \(seed)")
            }
        }
    }

    private func addresses(_ message: MessageBytes) -> Set<UInt> {
        var addresses: Set<UInt> = []
        message.forEachSlice { slice in
            if let start = slice.baseAddress { addresses.insert(UInt(bitPattern: start)) }
        }
        return addresses
    }
}
