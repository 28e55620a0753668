internal import Foundation
internal import ModelBundle
internal import TestSupport
internal import Testing

/// Every key of the valid model.yaml that stands on a line of its own, found by indentation.
private struct Field: CustomTestStringConvertible {
    var line: Int
    var lastLine: Int
    var key: String
    var path: String

    var testDescription: String { path }

    static let all: [Field] = {
        let lines = TinyBundle.validYAML.components(separatedBy: "\n")
        var fields: [Field] = []
        var parents: [(indent: Int, path: String)] = []
        for (number, line) in lines.enumerated() {
            guard let colon = line.firstIndex(of: ":"), !line.contains("{") || line.contains(": {")
            else { continue }
            let isElement = line.contains("- ")
            let indent = line.prefix { $0 == " " || $0 == "-" }.count
            let key = String(line[..<colon]).trimmingCharacters(
                in: CharacterSet(charactersIn: " -")
            )
            parents.removeAll { $0.indent >= (isElement ? indent - 2 + 1 : indent) }
            var parent = parents.last?.path ?? ""
            if isElement {
                parent += "[0]"
                parents.append((indent - 1, parent))
            }
            let path = parent.isEmpty ? key : "\(parent).\(key)"
            parents.append((indent, path))
            let children = lines[(number + 1)...].prefix {
                $0.prefix { $0 == " " || $0 == "-" }.count > indent
            }
            fields.append(
                Field(line: number, lastLine: number + children.count, key: key, path: path)
            )
        }
        return fields
    }()
}

@Suite struct ModelDescriptionTests {
    private func failure(yaml: String) throws -> String {
        var tiny = TinyBundle()
        tiny.yaml = yaml
        let message = try tiny.failure()
        #expect(!message.contains("\n"))
        return message
    }

    @Test func everyFieldIsTried() {
        #expect(Field.all.count == 50)
        #expect(Field.all.contains { $0.path == "encoder.states[0].batch_axis" })
        #expect(Field.all.contains { $0.path == "encoder.features.shape" })
    }

    @Test(arguments: Field.all)
    fileprivate func aMissingFieldIsNamed(field: Field) throws {
        var lines = TinyBundle.validYAML.components(separatedBy: "\n")
        if lines[field.line].contains("- ") {
            // The list's element goes on at its next key.
            lines[field.line + 1] = lines[field.line + 1].replacingOccurrences(
                of: "      output",
                with: "    - output"
            )
        }
        lines.removeSubrange(field.line...field.lastLine)
        let message = try failure(yaml: lines.joined(separator: "\n"))
        switch field.path {
        case "description", "decoder.unknown_id": #expect(message == "no error")
        default:
            #expect(message.hasPrefix("model.yaml:"))
            #expect(
                message.hasSuffix(": \(field.path): missing; this key is required"),
                "\(message)"
            )
        }
    }

    @Test(arguments: Field.all)
    fileprivate func anUnknownFieldIsNamed(field: Field) throws {
        var lines = TinyBundle.validYAML.components(separatedBy: "\n")
        lines[field.line] = lines[field.line].replacingOccurrences(
            of: "\(field.key):",
            with: "\(field.key)x:"
        )
        let message = try failure(yaml: lines.joined(separator: "\n"))
        #expect(
            message.contains(
                ": \(field.path)x: unknown key; did you mean \"\(field.key)\"? (known keys: "
            ),
            "\(message)"
        )
    }

    @Test(arguments: Field.all)
    fileprivate func aValueOfTheWrongTypeIsNamed(field: Field) throws {
        var lines = TinyBundle.validYAML.components(separatedBy: "\n")
        let indent = lines[field.line].prefix { $0 == " " || $0 == "-" }
        let isMapping = field.lastLine > field.line
        let wrong = isMapping ? "5" : "{ surprise: [] }"
        lines.replaceSubrange(
            field.line...field.lastLine,
            with: ["\(indent)\(field.key): \(wrong)"]
        )
        let message = try failure(yaml: lines.joined(separator: "\n"))
        #expect(message.contains(": \(field.path): expected "), "\(message)")
        #expect(message.hasPrefix("model.yaml:\(field.line + 1):"), "\(message)")
    }

    @Test(arguments: [
        (
            "format: 1", "format: 2",
            "model.yaml:1:9: format: format 2 is not known; this Martlet reads"
                + " format 1: export the model again with its exporter"
        ),
        (
            "name: tiny-1.0", "name: a/b",
            "model.yaml:2:7: name: \"a/b\" is not a name; use letters,"
                + " digits, dots, underscores and hyphens"
        ),
        ("[en, pt-BR]", "[]", "languages: a list of 0; expected 1 to 256 elements"),
        (
            "[en, pt-BR]", "[english language]",
            "languages[0]: \"english language\" is not a BCP-47"
                + " language tag; write one like en or pt-BR"
        ),
        ("[en, pt-BR]", "[en, EN]", "languages[1]: \"EN\" is listed twice; keep one"),
        ("kaldi_fbank", "whisper", "frontend.type: \"whisper\" is unknown (known: kaldi_fbank)"),
        (
            "hertz: 16000", "hertz: 7999",
            "frontend.sample_rate_hertz: expected a whole number from"
                + " 8000 to 48000, found \"7999\""
        ),
        ("mel_bins: 4", "mel_bins: 0", "frontend.mel_bins: expected a whole number from 1 to 512,"),
        (
            "mel_bins: 4", "mel_bins: 5",
            "encoder.features.shape: [-1, 5, 4] disagrees with"
                + " chunk_frames 5, frontend.mel_bins 5; the dimensions other than the batch must be"
                + " [5, 5]"
        ),
        ("length_ms: 25", "length_ms: 9", "frontend.frame_shift_ms: "),
        ("length_ms: 25", "length_ms: 2000", "frontend.frame_length_ms: expected a whole number"),
        (
            "hertz: 16000", "hertz: 11025",
            "frontend.frame_length_ms: 25 ms is not a whole number of"
                + " samples at 11025 Hz"
        ),
        (
            "hertz: 20", "hertz: 7700",
            "frontend.high_frequency_hertz: -400.0 (7600.0 Hz) is not"
                + " above low_frequency_hertz"
        ),
        ("hertz: 20", "hertz: -1", "frontend.low_frequency_hertz: -1.0 is not at least 0"),
        ("hertz: -400", "hertz: 8001", "frontend.high_frequency_hertz: 8001.0"),
        (
            "preemphasis: 0.97", "preemphasis: 1.5",
            "frontend.preemphasis: expected a number from 0.0"
                + " to 1.0, found \"1.5\""
        ),
        (
            "samples: 1600", "samples: -1",
            "frontend.tail_padding_samples: expected a whole number"
                + " from 0 to 160000, found \"-1\""
        ),
        ("tiny-encoder", "tiny encoder", "encoder.triton_model: a Triton model's name holds no"),
        (
            "version: \"\"", "version: latest",
            "encoder.version: \"latest\" is not a Triton model"
                + " version; write \"\" or a number from 1"
        ),
        ("version: \"\"", "version: 0", "encoder.version: \"0\" is not a Triton model version"),
        (
            "carried", "window",
            "encoder.state_policy: \"window\" is unknown (known: carried, resident)"
        ),
        (
            "carried", "resident",
            "encoder.state_policy: resident takes a Triton model that keeps the state; name it by"
                + " encoder.resident.triton_model, or write carried"
        ),
        (
            "version: \"\"", "version: \"\"\n  resident: { triton_model: tiny-encoder }",
            "encoder.resident.triton_model: \"tiny-encoder\" is encoder.triton_model too"
        ),
        (
            "version: \"\"", "version: \"\"\n  resident: { triton_model: a/b }",
            "encoder.resident.triton_model: a Triton model's name holds no spaces and no slashes"
        ),
        (
            "version: \"\"", "version: \"\"\n  resident: {}",
            "encoder.resident.triton_model: missing; this key is required"
        ),
        (
            "version: \"\"", "version: \"\"\n  resident: tiny",
            "encoder.resident: expected a mapping"
        ),
        (
            "version: \"\"", "version: \"\"\n  weights: \"md5:00\"",
            "encoder.weights: \"md5:00\" is not sha256: and 64 hexadecimal digits"
        ),
        (
            "version: \"\"",
            "version: \"\"\n  weights: \"sha256:\(String(repeating: "A", count: 64))\"",
            "is not sha256: and 64 hexadecimal digits"
        ),
        (
            "chunk_frames: 5", "chunk_frames: 0",
            "encoder.chunk_frames: expected a whole number from"
                + " 1 to 10000, found \"0\""
        ),
        (
            "chunk_frames: 5", "chunk_frames: 6",
            "encoder.features.shape: [-1, 5, 4] disagrees with"
                + " chunk_frames 6"
        ),
        (
            "shift_frames: 4", "shift_frames: 6",
            "encoder.chunk_shift_frames: expected a whole number"
                + " from 1 to 5, found \"6\""
        ),
        (
            "output_frame_ms: 20", "output_frame_ms: 40",
            "encoder.output_frame_ms: output_frames last"
                + " 80ms, but chunk_shift_frames last 40ms; they must last equally long"
        ),
        (
            "shape: [-1, 2, 3]", "shape: [-1, 2, 4]",
            "encoder.output.shape: [-1, 2, 4] disagrees with"
                + " output_frames 2, decoder.joiner_dim 3"
        ),
        ("shape: [-1, 2, 3]", "shape: [-1, 2]", "encoder.output.shape: [-1, 2] disagrees with"),
        (
            "shape: [2, -1, 7]", "shape: [2, 1, 7]",
            "encoder.states[0].shape[1]: 1 at axis 1; the"
                + " batch axis, 1, must be -1 and every other a size from 1"
        ),
        ("shape: [2, -1, 7]", "shape: [-1, -1, 7]", "encoder.states[0].shape[0]: -1 at axis 0;"),
        ("shape: [2, -1, 7]", "shape: [0, -1, 7]", "encoder.states[0].shape[0]: 0 at axis 0;"),
        ("shape: [2, -1, 7]", "shape: []", "encoder.states[0].shape: a list of 0; expected 1 to 8"),
        (
            "shape: [2, -1, 7]", "shape: [200000, -1, 200000]",
            "encoder.states[0].shape: more than"
                + " 268435456 elements a stream"
        ),
        (
            "shape: [2, -1, 7]", "shape: [16384, -1, 1024]",
            "encoder.states[1]: the states up to here"
                + " take 67108872 bytes a stream; the limit is 67108864"
        ),
        (
            "batch_axis: 1", "batch_axis: 3",
            "encoder.states[0].batch_axis: expected a whole number"
                + " from 0 to 2, found \"3\""
        ),
        ("input: cache", "input: x", "encoder.states[0].input: two inputs are called \"x\""),
        ("input: lens", "input: cache", "encoder.states[1].input: two inputs are called \"cache\""),
        ("output: new_lens", "output: encoder_out", "encoder.states[1].output: two outputs are"),
        (
            "INT64", "INT65",
            "encoder.states[1].datatype: \"INT65\" is unknown; did you mean"
                + " \"INT64\"? (known: BOOL, UINT8,"
        ),
        (
            "stateless_transducer", "lstm",
            "decoder.type: \"lstm\" is unknown (known:"
                + " stateless_transducer, lstm_transducer, ctc)"
        ),
        (
            "context_size: 2", "context_size: 5",
            "decoder.context_size: expected a whole number from"
                + " 1 to 4, found \"5\""
        ),
        ("context_size: 2", "context_size: 1", "decoder.initial_context: a list of 2; expected 1"),
        ("blank_id: 0", "blank_id: 6", "decoder.blank_id: expected a whole number from 0 to 5,"),
        ("unknown_id: 2", "unknown_id: 0", "decoder.unknown_id: the same as blank_id; remove it"),
        (
            "unknown_id: 2", "unknown_id: 3",
            "bpe.model: the unknown piece has id 2, but"
                + " decoder.unknown_id in model.yaml is 3; export them together"
        ),
        ("[-1, 0]", "[-2, 0]", "decoder.initial_context[0]: expected a whole number from -1 to 5,"),
        ("joiner_dim: 3", "joiner_dim: 4", "encoder.output.shape: [-1, 2, 3] disagrees with"),
        (
            "greedy", "viterbi",
            "search.method: \"viterbi\" is unknown (known: greedy, modified_beam, beam, prefix_beam)"
        ),
        ("symbols_per_frame: 1", "symbols_per_frame: 0", "search.max_symbols_per_frame: expected"),
        ("temperature: 2.0", "temperature: 0", "search.token_log_prob_temperature: expected"),
    ])
    func aValueThatCannotBeIsNamed(valid: String, spoilt: String, expected: String) throws {
        let range = try #require(TinyBundle.validYAML.range(of: valid))
        let message = try failure(
            yaml: TinyBundle.validYAML.replacingCharacters(in: range, with: spoilt)
        )
        #expect(message.contains(expected), "\(message)")
    }

    @Test func nothingInModelYAMLTraps() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("ModelDescriptionTests.nothingInModelYAMLTraps seed \(seed)")
        var generator = SplitMix64(seed: seed)
        let lines = TinyBundle.validYAML.components(separatedBy: "\n")
        let values = [
            "9223372036854775807", "-9223372036854775808", "-1", "0", "1e308", "[]", "{}", "~",
            "[-1]", "[9223372036854775807, -1, 3]", "268435456", "x", "\"\"", "1000000",
        ]
        try TinyBundle().withDirectory { directory in
            for _ in 0..<500 {
                var spoilt = lines
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    let index = Int.random(in: 0..<spoilt.count, using: &generator)
                    guard let colon = spoilt[index].firstIndex(of: ":") else { continue }
                    let value = values.randomElement(using: &generator) ?? ""
                    spoilt[index] = "\(spoilt[index][...colon]) \(value)"
                }
                try Data(spoilt.joined(separator: "\n").utf8).write(
                    to: URL(fileURLWithPath: "\(directory)/model.yaml")
                )
                do {
                    _ = try ModelBundle.load(directory: directory)
                } catch {
                    #expect(!"\(error)".contains("\n"))
                }
            }
        }
    }
}
