internal import Decoding
internal import Recognition
internal import TestBackend
internal import Testing

/// Phrases that change while a stream is running.
@Suite(.timeLimit(.minutes(1))) struct PhraseUpdateTests {
    private static let audio = TinyModel.audio(sampleCount: 80_000, seed: 31)

    private func phrases(_ stage: SessionStage) async throws -> PhraseGraph {
        try await stage.model.makePhraseGraph([Phrase(text: "ab", boost: 3)])
    }

    /// Told of with the time from which they hold: the end of the last chunk that was searched.
    @Test(arguments: SearchMethod.ofTransducers)
    func newPhrasesHoldFromTheTimeThatIsTold(_ method: SearchMethod) async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            let phrases = try await phrases(stage)
            let search = SearchOptions(method: method)
            let plain = try await stage.events(of: [Self.audio[...]]) { $0.search = search }
            let session = try stage.makeSession { $0.search = search }
            var events: [RecognitionEvent] = []
            // 2.5 s: 40,000 samples complete 62 chunks of 40 ms.
            try await session.append(Array(Self.audio[..<80_000])) { events.append($0) }
            let before = events.count
            try await session.update(phrases: phrases) { events.append($0) }
            #expect(events.count == before + 1)
            #expect(events.last == .phrasesChanged(from: .milliseconds(62 * 40)))
            #expect(events.dropLast() == plain.prefix(before))
            try await session.append(Array(Self.audio[80_000...])) { events.append($0) }
            try await session.finish { events.append($0) }
            let words = try #require(events.last?.result).alternatives[0].words
            #expect(words.contains { $0.text == "ab" && $0.startTime >= .milliseconds(2_480) })
            let plainWords = try #require(plain.last?.result).alternatives[0].words
            #expect(!plainWords.contains { $0.text == "ab" })
        }
    }

    /// Before any audio, an update is as good as a setting.
    @Test func anUpdateAtTheBeginningIsASetting() async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            let phrases = try await phrases(stage)
            let set = try await stage.events(of: [Self.audio[...]]) { $0.phrases = phrases }
            let session = try stage.makeSession()
            var events: [RecognitionEvent] = []
            try await session.update(phrases: phrases) { events.append($0) }
            try await session.append(Self.audio) { events.append($0) }
            try await session.finish { events.append($0) }
            #expect(events == [.phrasesChanged(from: .zero)] + set)
        }
    }

    @Test func noPhrasesAreAnUpdateToo() async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            let phrases = try await phrases(stage)
            let plain = try await stage.events(of: [Self.audio[...]])
            let session = try stage.makeSession { $0.phrases = phrases }
            var events: [RecognitionEvent] = []
            try await session.update(phrases: nil) { events.append($0) }
            try await session.append(Self.audio) { events.append($0) }
            try await session.finish { events.append($0) }
            #expect(events == [.phrasesChanged(from: .zero)] + plain)
        }
    }
}

extension SearchMethod {
    /// What a model such as the double's can be searched by.
    static let ofTransducers: [SearchMethod] = [.greedy, .modifiedBeam, .beam]
}
