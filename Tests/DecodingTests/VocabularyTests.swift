internal import Decoding
internal import Testing

@Suite struct VocabularyTests {
    private static func problem(in text: String) -> VocabularyError? {
        do throws(VocabularyError) {
            _ = try Vocabulary(tokens: Array(text.utf8))
            return nil
        } catch {
            return error
        }
    }

    @Test func piecesInAnyOrder() throws {
        let vocabulary = try Vocabulary(
            tokens: Array("\u{2581}A 2\r\n<blk> 0\n'\t1\n  3\n\u{2581} 4".utf8)
        )
        #expect(vocabulary.pieces == ["<blk>", "'", "\u{2581}A", " ", "\u{2581}"])
    }

    @Test(arguments: [
        ("", 1, VocabularyError.Problem.noPieces),
        ("a 0\nb 0\n", 2, .duplicateID(0, firstLine: 1)),
        ("a 0\na 1\n", 2, .duplicatePiece("a", firstLine: 1)),
        ("a 0\nb 2\n", 2, .gap(id: 2, pieceCount: 2)),
        ("a 9223372036854775807\n", 1, .gap(id: .max, pieceCount: 1)),
        ("a 0\n\nb 1\n", 2, .noID(line: "")),
        ("a 0\nb\n", 2, .noID(line: "b")),
        ("a 0\nb x\n", 2, .noID(line: "b x")),
        ("a 0\nb -1\n", 2, .noID(line: "b -1")),
        ("a 0\nb +1\n", 2, .noID(line: "b +1")),
        ("a 0\nb 1 \n", 2, .noID(line: "b 1 ")),
        ("a 92233720368547758080\n", 1, .noID(line: "a 92233720368547758080")),
        (" 0\n", 1, .noPiece),
    ])
    func badLinesAreNamed(text: String, line: Int, problem: VocabularyError.Problem) throws {
        let error = try #require(Self.problem(in: text))
        #expect(error.line == line)
        #expect(error.problem == problem)
        #expect(error.description.hasPrefix("\(line): "))
    }

    @Test func bytesThatAreNoUTF8AreNamed() {
        #expect(throws: VocabularyError.self) {
            try Vocabulary(tokens: Array("a 0\n".utf8) + [0xFF, 0x20, 0x31, 0x0A])
        }
    }

    @Test func piecesThatOnlyLookAlikeAreTwo() throws {
        let text = "\u{E9} 0\ne\u{301} 1\n"
        #expect(try Vocabulary(tokens: Array(text.utf8)).count == 2)
    }
}
