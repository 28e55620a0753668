internal import Foundation
internal import ModelBundle
internal import TestSupport
internal import Testing

private typealias Tensor = (name: String, datatype: String, shape: [Int], bytes: [UInt8])

@Suite struct BundleFilesTests {
    private static var tensors: [Tensor] {
        TinyBundle.shapes.map { name, shape in
            (name, "F32", shape, [UInt8](repeating: 0, count: 4 * shape.reduce(1, *)))
        }
    }

    private func failure(weights: [UInt8]) throws -> String {
        var tiny = TinyBundle()
        tiny.weights = weights
        let message = try tiny.failure()
        #expect(!message.contains("\n"))
        return message
    }

    private func failure(changing index: Int, _ change: (inout Tensor) -> Void) throws -> String {
        var tensors = Self.tensors
        change(&tensors[index])
        return try failure(weights: TinyBundle.safetensors(tensors))
    }

    private func failure(header: String, dataBytes: Int = 0) throws -> String {
        try failure(
            weights: TinyBundle.safetensors(
                header: header,
                data: [UInt8](repeating: 0, count: dataBytes)
            )
        )
    }

    @Test func aTruncatedFileSaysWhatItShouldHave() throws {
        let valid = TinyBundle.validWeights
        #expect(
            try failure(weights: valid.dropLast(5)) == """
                decoder.safetensors: truncated: the header describes \(valid.count) bytes, the file \
                has \(valid.count - 5); copy or export it again
                """
        )
        #expect(
            try failure(weights: Array(valid.prefix(100))).hasPrefix(
                "decoder.safetensors: truncated: the header needs "
            )
        )
        #expect(
            try failure(weights: [1, 2, 3]).hasPrefix("decoder.safetensors: truncated: 3 bytes, ")
        )
        #expect(
            try failure(weights: []).hasPrefix("decoder.safetensors: truncated: 0 bytes, ")
        )
    }

    private func failure(weights: ArraySlice<UInt8>) throws -> String {
        try failure(weights: Array(weights))
    }

    @Test func bytesAfterTheLastTensorAreRefused() throws {
        #expect(
            try failure(weights: TinyBundle.validWeights + [0])
                == "decoder.safetensors: 1 bytes follow the last tensor; export it again"
        )
    }

    @Test func aMissingTensorIsNamed() throws {
        for (index, tensor) in Self.tensors.enumerated() {
            var rest = Self.tensors
            rest.remove(at: index)
            let message = try failure(weights: TinyBundle.safetensors(rest))
            #expect(
                message.hasPrefix("decoder.safetensors: \(tensor.name): missing; the file holds")
            )
        }
    }

    @Test func aWrongShapeIsNamed() throws {
        for (index, tensor) in Self.tensors.enumerated() {
            let message = try failure(changing: index) { changed in
                changed.shape[0] += 1
                changed.bytes = [UInt8](repeating: 0, count: 4 * changed.shape.reduce(1, *))
            }
            #expect(
                message.hasPrefix(
                    "decoder.safetensors: \(tensor.name): shape [\(tensor.shape[0] + 1)"
                ),
                "\(message)"
            )
            #expect(message.hasSuffix("by model.yaml; export both together"))
        }
        #expect(
            try failure(changing: 4) { $0.shape = [3, 6] } == """
                decoder.safetensors: joiner.output.weight: shape [3, 6], expected [6, 3] by \
                model.yaml; export both together
                """
        )
        #expect(
            try failure(changing: 1) {
                $0.shape = [4, 3, 2]
                $0.bytes = [UInt8](repeating: 0, count: 96)
            }.contains("4 channels cannot be cut into groups of 3")
        )
    }

    @Test func anUnknownTensorIsNamed() throws {
        let message = try failure(
            weights: TinyBundle.safetensors(
                Self.tensors + [("decoder.lstm.weight", "F32", [1], [0, 0, 0, 0])]
            )
        )
        #expect(
            message.hasPrefix(
                "decoder.safetensors: decoder.lstm.weight: unknown tensor (known: decoder.emb"
            )
        )
    }

    @Test func otherTypesAndSizesAreRefused() throws {
        #expect(
            try failure(changing: 3) { $0.datatype = "F16" } == """
                decoder.safetensors: decoder.projection.bias: dtype "F16" is not supported; \
                export it as F32
                """
        )
        #expect(
            try failure(changing: 3) { $0.bytes.removeLast() }.contains(
                "data_offsets hold 11 bytes, but shape [3] of F32 needs 12"
            )
        )
    }

    @Test func weightsMustBeFinite() throws {
        for value in [Float.nan, .infinity, -.infinity] {
            let message = try failure(changing: 3) { $0.bytes = TinyBundle.floats([0, value, 0]) }
            #expect(
                message == """
                    decoder.safetensors: decoder.projection.bias: element 1 is \(value); weights \
                    must be finite: export it again
                    """
            )
        }
    }

    @Test(arguments: [
        ("", "expected {"), (" {}", "expected {"), ("[]", "expected {"), ("{", "expected \""),
        ("{}x", "expected the header's end"), ("{\"a\"}", "expected :"),
        ("{\"a\":1}", "expected {"),
        ("{\"a\":{}}", "expected dtype, shape and data_offsets, each once"),
        ("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", "expected dtype, shape and data_offsets"),
        (
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[01],\"data_offsets\":[0,4]}}",
            "expected a whole number up to 2^48"
        ),
        (
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
            "expected a whole number up to 2^48"
        ),
        (
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", "expected ]"
        ),
        (
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}",
            "data_offsets must be a start and an end"
        ),
        (
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,9223372036854775807]}}",
            "expected a whole number up to 2^48"
        ),
        ("{\"a\\q\":{}}", "an unknown escape"), ("{\"a\\u12\":{}}", "four hexadecimal digits"),
        ("{\"a\\ud800\":{}}", "four hexadecimal digits"), ("{\"a\n\":{}}", "a control character"),
        ("{\"__metadata__\":{\"a\":1}}", "expected \""),
        ("{\"__metadata__\":{},\"__metadata__\":{}}", "__metadata__ is given twice"),
    ])
    func headersThatAreNotSafetensors(header: String, problem: String) throws {
        let message = try failure(header: header, dataBytes: 4)
        #expect(message.hasPrefix("decoder.safetensors: the header is not valid at byte "))
        #expect(message.contains(problem), "\(message)")
    }

    @Test func offsetsMustCoverTheData() throws {
        func tensor(_ name: String, _ start: Int, _ end: Int) -> String {
            "\"\(name)\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\(start),\(end)]}"
        }
        #expect(
            try failure(header: "{\(tensor("a", 0, 4)),\(tensor("b", 8, 12))}", dataBytes: 12)
                .contains("b: data_offsets start at 8, where the tensor before ends at 4")
        )
        #expect(
            try failure(header: "{\(tensor("a", 0, 4)),\(tensor("b", 2, 6))}", dataBytes: 6)
                .contains("b: data_offsets start at 2, where the tensor before ends at 4")
        )
        #expect(
            try failure(header: "{\(tensor("a", 0, 281_474_976_710_656))}", dataBytes: 4)
                .contains("truncated: the header describes 281474976710")
        )
        #expect(
            try failure(header: "{\(tensor("a", 0, 4)),\(tensor("a", 4, 8))}", dataBytes: 8)
                .contains("a tensor is given twice")
        )
    }

    @Test func theHeaderIsBounded() throws {
        let length: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
        #expect(
            try failure(weights: length + [0]).contains(
                "a header of 18446744073709551615 bytes (the limit is 1048576)"
            )
        )
    }

    @Test func noSafetensorsBytesTrap() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("BundleFilesTests.noSafetensorsBytesTrap seed \(seed)")
        var generator = SplitMix64(seed: seed)
        let valid = TinyBundle.validWeights
        let punctuation = Array("{}[]\",:\\u0123456789 -.e".utf8)
        try TinyBundle().withDirectory { directory in
            for _ in 0..<1_500 {
                var bytes = valid
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let position = Int.random(in: 0..<bytes.count, using: &generator)
                    switch Int.random(in: 0..<5, using: &generator) {
                    case 0: bytes[position] = UInt8.random(in: .min ... .max, using: &generator)
                    case 1: bytes[position] = punctuation.randomElement(using: &generator) ?? 0
                    case 2: bytes.removeSubrange(position...)
                    case 3:
                        bytes[min(position, 9)] = UInt8.random(in: .min ... .max, using: &generator)
                    default:
                        bytes.insert(
                            punctuation.randomElement(using: &generator) ?? 0,
                            at: position
                        )
                    }
                    if bytes.isEmpty { bytes = [0] }
                }
                try Data(bytes).write(to: URL(fileURLWithPath: "\(directory)/decoder.safetensors"))
                do {
                    _ = try ModelBundle.load(directory: directory)
                } catch {
                    #expect(!"\(error)".contains("\n"))
                }
            }
        }
    }

    @Test(arguments: [
        ("b 3\n", "", "tokens.txt: 7 pieces, "), ("b 3\n", "b x\n", "tokens.txt:4: "),
        ("b 3\n", "b\n", "tokens.txt:4: "), ("b 3\n", "b 4\n", "tokens.txt:5: "),
        ("b 3\n", "d 3\n", "tokens.txt:6: "), ("b 3\n", "b -3\n", "tokens.txt:4: "),
        ("b 3\n", "b 99999999999999999999\n", "tokens.txt:4: "),
        (
            "b 3\n", "B 3\n",
            "bpe.model: pieces[3]: the text is \"b\", but tokens.txt says \"B\"; export them together"
        ),
        (
            "#0 6", "e 6",
            "tokens.txt: 8 pieces, but decoder.vocabulary_size in model.yaml is 6, and \"e\" is no"
                + " disambiguation symbol; export both together"
        ),
    ])
    func tokensThatAreWrong(valid: String, spoilt: String, expected: String) throws {
        var tiny = TinyBundle()
        tiny.tokens = tiny.tokens.replacingOccurrences(of: valid, with: spoilt)
        let message = try tiny.failure()
        if spoilt.isEmpty {
            #expect(message.hasPrefix("tokens.txt:"), "\(message)")
        } else {
            #expect(message.hasPrefix(expected), "\(message)")
        }
        #expect(!message.contains("\n"))
    }

    @Test func tokensWithoutDisambiguationSymbolsAndWithCarriageReturns() throws {
        var tiny = TinyBundle()
        tiny.tokens = tiny.tokens.replacingOccurrences(of: "#0 6\n#1 7\n", with: "")
        #expect(try tiny.failure() == "no error")
        tiny.tokens = tiny.tokens.replacingOccurrences(of: "\n", with: "\r\n")
        #expect(try tiny.failure() == "no error")
    }

    @Test func sentencepieceModelsThatAreWrong() throws {
        var tiny = TinyBundle()
        tiny.sentencepiece = TinyBundle.sentencepiece(TinyBundle.pieces.dropLast())
        #expect(
            try tiny.failure() == """
                bpe.model: 5 pieces, but decoder.vocabulary_size in model.yaml is 6; export them \
                together
                """
        )
        tiny.sentencepiece = TinyBundle.sentencepiece(TinyBundle.pieces).dropLast(6)
        #expect(
            try tiny.failure()
                == "bpe.model: not a sentencepiece model, or a truncated one; copy it again"
        )
        tiny.sentencepiece = []
        #expect(try tiny.failure().hasPrefix("bpe.model: 0 pieces, "))
    }
}

extension TinyBundle {
    fileprivate static func sentencepiece(_ pieces: ArraySlice<String>) -> [UInt8] {
        sentencepiece(Array(pieces))
    }
}
