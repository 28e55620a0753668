internal import Foundation
internal import StrictYAML
internal import Testing

@Suite struct YAMLHostileInputTests {
    private func failure(_ text: String) -> String {
        failure(Array(text.utf8))
    }

    private func failure(_ bytes: [UInt8]) -> String {
        do throws(YAMLError) {
            _ = try YAMLDocument(bytes, name: "f")
            return "no error"
        } catch {
            return error.description
        }
    }

    @Test func billionLaughsIsRefusedAtOnce() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<40 {
            let alias = "*a\(level - 1)"
            text +=
                "a\(level): &a\(level) [\(Array(repeating: alias, count: 10).joined(separator: ", "))]\n"
        }
        let asKey = text + "? *a39\n: x\n? *a39\n: y\n"
        let clock = ContinuousClock()
        let start = clock.now
        #expect(failure(text).contains("anchors and aliases (& and *) are not read"))
        #expect(failure(asKey).contains("anchors and aliases (& and *) are not read"))
        // Expanding it would take longer than the machine will last; this takes milliseconds.
        #expect(start.duration(to: clock.now) < .seconds(10))
    }

    @Test(arguments: ["a: &x 1", "a: &x [1]\nb: *x", "? &k a\n: 1", "&r a: 1", "- &e\n"])
    func anchorsAreRefused(text: String) {
        #expect(failure(text).contains("anchors and aliases (& and *) are not read"))
    }

    @Test func starsAndAmpersandsInTextAreText() {
        #expect(
            failure("a: R & D *not* an alias, 2 * 3 and x*y # *see* below & above") == "no error"
        )
    }

    @Test(arguments: ["a: !!int 5", "a: !custom x", "!!set {a}", "a: !!omap []", "!k a: b"])
    func tagsAreRefused(text: String) {
        #expect(failure(text).contains("are not read; remove it"), "\(failure(text))")
    }

    @Test func depthIsBounded() {
        #expect(
            failure(String(repeating: "[", count: 33) + String(repeating: "]", count: 33))
                .contains("nested deeper than 32 levels")
        )
        #expect(
            failure(String(repeating: "[", count: 32) + String(repeating: "]", count: 32))
                == "no error"
        )
        // As deep as the parser itself goes, and beyond: no stack may be exhausted.
        let texts = [
            String(repeating: "[", count: 900) + String(repeating: "]", count: 900),
            String(repeating: "[", count: 100_000), String(repeating: "- ", count: 900) + "x",
            String(repeating: "- ", count: 100_000), String(repeating: "? ", count: 900),
            String(repeating: "{a: ", count: 900) + String(repeating: "}", count: 900),
            String(repeating: "? {", count: 100_000),
            (0..<900).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
        ]
        for text in texts {
            #expect(failure(text) != "no error")
        }
    }

    @Test func sizeIsBounded() {
        let tooLong = [UInt8](repeating: UInt8(ascii: "#"), count: YAMLDocument.maximumBytes + 1)
        #expect(
            failure(tooLong) == "f: longer than 1048576 bytes; a document must be shorter"
        )
        #expect(failure(tooLong.dropLast()) == "no error")
    }

    private func failure(_ bytes: ArraySlice<UInt8>) -> String { failure(Array(bytes)) }

    @Test func notText() {
        #expect(failure([0xff, 0xfe, 0x00]) == "f: not UTF-8 text; save the file as UTF-8")
        #expect(
            failure("a: 1\nb: \u{7}x")
                == "f:2:4: not valid YAML: control characters are not allowed; remove the character"
        )
    }

    @Test func severalDocumentsAreRefused() {
        #expect(failure("a: 1\n---\nb: 2").contains("found another document"))
    }

    @Test func missingFileAndDirectory() {
        #expect {
            try YAMLDocument(contentsOfFile: "/nonexistent/model.yaml")
        } throws: {
            "\($0)" == "/nonexistent/model.yaml: cannot be read: there is no such file"
        }
        #expect {
            try YAMLDocument(contentsOfFile: "/")
        } throws: {
            "\($0)".hasPrefix("/: cannot be read: ")
        }
    }

    @Test func errorsStayOnOneLine() {
        #expect(failure("\"a\\nb\": 1\n\"a\\nb\": 2").split(separator: "\n").count == 1)
        #expect(failure("'k\u{2028}': [\n").split(whereSeparator: \.isNewline).count == 1)
    }

    @Test func noBytesTrap() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("YAMLHostileInputTests.noBytesTrap seed \(seed)")
        var generator = SplitMix64(state: seed)
        let valid = Array(
            """
            # a comment
            server: { listen: "127.0.0.1:50051", text: |
              }
            models:
              - &a name: 'x'
                endpoints: ["a:1", *a]
                ? complex
                : >-
                  folded "\\u00e9\\x41" text
                n: !!int -0x1f
            ...
            %YAML 1.1
            --- !<tag:x> "\\U0010ffff"
            """.utf8
        )
        let punctuation = Array("&*!|>%@`'\"#:-?,[]{}\\\n\r\t ~<=\0\u{85}\u{2028}\u{feff}".utf8)
        enum Key: String, CaseIterable { case server, models }
        for _ in 0..<20_000 {
            var bytes: [UInt8]
            switch Int.random(in: 0..<3, using: &generator) {
            case 0:
                bytes = (0..<Int.random(in: 0..<64, using: &generator)).map { _ in
                    UInt8.random(in: .min ... .max, using: &generator)
                }
            case 1:
                bytes = (0..<Int.random(in: 0..<64, using: &generator)).map { _ in
                    punctuation.randomElement(using: &generator)!
                }
            default:
                bytes = valid
                for _ in 0..<Int.random(in: 1..<6, using: &generator) {
                    let position = Int.random(in: 0..<bytes.count, using: &generator)
                    let byte =
                        Bool.random(using: &generator)
                        ? punctuation.randomElement(using: &generator)!
                        : UInt8.random(in: .min ... .max, using: &generator)
                    switch Int.random(in: 0..<3, using: &generator) {
                    case 0: bytes[position] = byte
                    case 1: bytes.insert(byte, at: position)
                    default: bytes.removeSubrange(position...min(position + 8, bytes.count - 1))
                    }
                    if bytes.isEmpty { bytes = [byte] }
                }
            }
            do throws(YAMLError) {
                var document = try YAMLDocument(bytes, name: "f")
                let text = String(decoding: bytes.prefix(16), as: UTF8.self)
                try document.apply(YAMLOverride(assignment: "models[0].\(text)", flag: "--set"))
                _ = try document.root.mapping(Key.self).required(.models).list(count: 0...9)
            } catch {
                #expect(!error.description.contains("\n"))
            }
        }
    }
}

/// Steele, Lea and Flood's SplitMix64: a seeded generator, so that a failure can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
