internal import Recognition
internal import Testing

@Suite(.timeLimit(.minutes(1))) struct SpeechModelTests {
    /// The bundle's languages are en and pt-BR.
    @Test(arguments: [
        ("", true), ("en", true), ("en-US", true), ("EN-gb", true), ("en-Latn-US", true),
        ("pt-BR", true), ("pt", true), ("pt-PT", true), ("PT-br", true),
        ("de", false), ("english", false), ("e", false), ("-", false), ("-en", false),
        (" en", false), ("es-BR", false),
    ])
    func matchesLanguagesByTheirPrimaryPart(_ tag: String, _ matches: Bool) async throws {
        try await SessionStage.with(checks: false) { stage in
            #expect(stage.model.recognizes(language: tag) == matches)
        }
    }
}
