internal import LoadGeneration
internal import TestSupport
internal import Testing

@Suite struct WordErrorsTests {
    @Test(arguments: [
        ("the cat sat", "the cat sat", 0), ("THE CAT", "the  cat", 0), ("the cat sat", "", 3),
        ("", "uh huh", 2), ("the cat sat", "cat sat down", 2), ("a b c d", "a x c d", 1),
    ])
    func countsTheFewestErrors(reference: String, recognised: String, errors: Int) {
        let result = WordErrors(reference: reference, recognised: recognised)
        #expect(result.errorCount == errors)
        #expect(result.referenceCount == reference.split(separator: " ").count)
    }

    @Test func equalsThePlainRecursion() {
        var generator = SplitMix64.announced()
        func distance(_ left: ArraySlice<Substring>, _ right: ArraySlice<Substring>) -> Int {
            guard let first = left.first, let other = right.first else {
                return left.count + right.count
            }
            let (a, b) = (left.dropFirst(), right.dropFirst())
            if first == other { return distance(a, b) }
            return 1 + min(distance(a, b), distance(a, right), distance(left, b))
        }
        for _ in 0..<200 {
            func words() -> [Substring] {
                (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                    ["a", "b", "c"].randomElement(using: &generator) ?? "a"
                }
            }
            let (reference, recognised) = (words(), words())
            let errors = WordErrors(reference: reference, recognised: recognised)
            #expect(errors.errorCount == distance(reference[...], recognised[...]))
        }
    }

    @Test func ratesAddUpOverWords() {
        var sum = WordErrors()
        #expect(sum.rate == nil)
        sum += WordErrors(reference: "a b c", recognised: "a b")
        sum += WordErrors(reference: "d", recognised: "e")
        #expect(sum.rate == 0.5)
    }
}

@Suite struct ReferencesTests {
    @Test func readsNamesAndTexts() throws {
        let references = try References(
            contentsOf: "wav/one.wav\tHELLO WORLD\r\n\ntwo\t\n",
            file: "refs.tsv"
        )
        #expect(references["one"] == "HELLO WORLD")
        #expect(references["two"] == "")
        #expect(references["three"] == nil)
    }

    @Test func readsATableByItsHeader() throws {
        let references = try References(
            contentsOf: "set\tid\tseconds\ttext\nlibri\t1089-134\t6.6\tAFTER EARLY\n",
            file: "manifest.tsv"
        )
        #expect(references["1089-134"] == "AFTER EARLY")
        #expect(references["libri__1089-134"] == "AFTER EARLY")
    }

    @Test func readsLinesOfJSON() throws {
        let references = try References(
            contentsOf: "{\"file\": \"a/b.wav\", \"text\": \"x\"}\n{\"id\":\"c\",\"text\":\"y\"}",
            file: "refs.jsonl"
        )
        #expect(references["b"] == "x")
        #expect(references["c"] == "y")
    }

    @Test(arguments: [
        ("one\ttext one\ntwo\n", "refs:2: not a recording's name, a tab and its text"),
        ("\ta text\n", "refs:1: not a recording's name, a tab and its text"),
        (
            "{\"file\":\"a\",\"text\":\"b\"}\n{\"file\":1}\n",
            "refs:2: not a JSON object with \"text\" and \"file\""
        ), ("", "refs names no recording"),
    ])
    func saysWhichLineIsWrong(text: String, message: String) {
        #expect(throws: LoadError(message)) { try References(contentsOf: text, file: "refs") }
    }

    @Test(arguments: [
        ("dir.d/a.wav", "a"), ("a", "a"), ("call.2026.11", "call.2026.11"), (".wav", ".wav"),
        ("x.y.flac", "x.y"),
    ])
    func namesAreFilesWithoutEnding(path: String, name: String) {
        #expect(References.name(ofFile: path) == name)
    }
}

@Suite struct StreamFinalsTests {
    private func segment(_ text: String, end: Int64, at: Int64 = 0) -> FinalSegment {
        FinalSegment(
            text: text,
            endNanoseconds: end,
            words: [.init(text: text, startNanoseconds: at, endNanoseconds: end)],
            tokens: [.init(piece: text, nanoseconds: at)]
        )
    }

    @Test func joinsWhatWasSaid() {
        let finals = StreamFinals([
            segment("one", end: 5), segment("two", end: 9), segment("", end: 9),
        ])
        #expect(finals.text == "one two")
        #expect(finals.repeatedCount == 0)
        #expect(finals.segments.count == 3)
    }

    @Test func findsWhatCameTwice() {
        let same = StreamFinals([segment("one", end: 5), segment("one", end: 5)])
        #expect(same.repeatedCount == 1)
        #expect(same.segments.count == 1)
        let older = StreamFinals([
            segment("one", end: 5), segment("two", end: 9), segment("one", end: 5),
        ])
        #expect(older.repeatedCount == 1)
    }

    @Test func tellsDifferencesApart() {
        let expected = StreamFinals([segment("one", end: 5), segment("two", end: 9, at: 6)])
        #expect(expected.difference(from: expected) == nil)
        func difference(_ segments: FinalSegment...) -> String? {
            StreamFinals(segments).difference(from: expected)
        }
        #expect(difference(segment("one", end: 5)) == "1 finals came, alone there were 2")
        #expect(
            difference(segment("one", end: 5), segment("too", end: 9, at: 6))
                == "final 2 reads \"too\", alone it read \"two\""
        )
        #expect(
            difference(segment("one", end: 5), segment("two", end: 9, at: 7))
                == "final 2 has its words at other times"
        )
        var other = segment("two", end: 9, at: 6)
        other.tokens[0].nanoseconds = 7
        #expect(
            difference(segment("one", end: 5), other)
                == "final 2 has other tokens, or has them at other times"
        )
        other = segment("two", end: 9, at: 6)
        other.endNanoseconds = 10
        #expect(
            difference(segment("one", end: 5), other) == "final 2 ends at 10 ns, not at 9"
        )
    }

    @Test func expectedFinalsComeBackFromTheirFile() throws {
        var expected = ExpectedFinals(config: "{\"model\":\"m\"}")
        expected.finals["a"] = StreamFinals([segment("one", end: 5), segment("", end: 9)])
        expected.finals["b"] = StreamFinals([segment("zwölf \"/\"", end: 1 << 60)])
        let lines = try expected.lines()
        #expect(try ExpectedFinals(contentsOf: lines, file: "f") == expected)
        #expect(
            throws: LoadError("f is not a file that `martlet bench --save-finals` has written")
        ) {
            try ExpectedFinals(contentsOf: "{\"x\":1}\n", file: "f")
        }
        #expect(throws: LoadError("f:4: not a recording's finals")) {
            try ExpectedFinals(contentsOf: lines + "{\n", file: "f")
        }
    }
}
