public import Decoding
internal import Dispatch
public import Fleet
internal import Kernels
public import Logging
public import ModelBundle

/// A model ready to recognise: its bundle, the fleet that runs its encoder and the scheduler that
/// decodes its streams.
public final class SpeechModel: Sendable {
    /// The name that clients use.
    public let name: String
    public let bundle: ModelBundle
    public let fleet: Fleet
    /// Those that requests may choose, with distinct names.
    public let languageModels: [ServedLanguageModel]
    let scheduler: DecodingScheduler
    /// What every stream's own is made from.
    private let detokenizer: Detokenizer
    let segmenter: Segmenter
    /// Where long lists of phrases are made into graphs.
    private let phraseQueue: DispatchQueue

    /// Phrases that are cut into tokens on the request's own task. More take so long that others
    /// on Swift's pool of threads would wait.
    private static let maximumPhrasesInPlace = 100

    /// - Parameters:
    ///   - name: The name that clients use; the configuration's, not the bundle's.
    ///   - endpoints: Each Triton's `host:port`; at least one.
    ///   - languageModels: Bound to the bundle's vocabulary, with distinct names.
    ///   - outputCase: The letters in which words are written.
    ///   - fleetClock: Spaces the fleet's checks and times its requests.
    /// - Throws: ``RecognitionError`` when the bundle's parts do not work together.
    public init(
        name: String,
        bundle: ModelBundle,
        endpoints: [String],
        languageModels: [ServedLanguageModel] = [],
        outputCase: OutputCase = .asIs,
        statePolicy: EncoderDescription.StatePolicy? = nil,
        fleetConfiguration: Fleet.Configuration,
        fleetClock: any Clock<Duration> = ContinuousClock(),
        logger: Logger
    ) throws {
        self.name = name
        self.bundle = bundle
        self.languageModels = languageModels
        phraseQueue = DispatchQueue(label: "phrases \(name)", qos: .utility)
        var logger = logger
        logger[metadataKey: "model"] = "\(name)"
        let encoder = bundle.description.encoder
        fleet = try Fleet(
            model: try statePolicy.map { try encoder.using($0) } ?? encoder,
            addresses: endpoints,
            configuration: fleetConfiguration,
            clock: fleetClock,
            logger: logger
        )
        scheduler = DecodingScheduler(
            label: "decode \(name)",
            scorer: try bundle.makeScorer()
        )
        detokenizer = bundle.makeDetokenizer(outputCase: outputCase)
        segmenter = Segmenter(vocabulary: bundle.vocabulary)
    }

    /// Phrases to favour, as this model writes them.
    ///
    /// - Throws: `PhraseError`, naming the phrase by its index.
    public func makePhraseGraph(_ phrases: [Phrase]) async throws(PhraseError) -> PhraseGraph {
        guard phrases.count > Self.maximumPhrasesInPlace else {
            return try bundle.makePhraseGraph(phrases)
        }
        let made: Result<PhraseGraph, PhraseError> = await withCheckedContinuation { continuation in
            phraseQueue.async { [bundle] in
                continuation.resume(
                    returning: Result { () throws(PhraseError) in
                        try bundle.makePhraseGraph(phrases)
                    }
                )
            }
        }
        return try made.get()
    }

    /// BCP-47 tags of the languages that it recognises.
    public var languages: [String] { bundle.description.languages }

    /// Whether it recognises a language, by the tag's primary part: "en" for "en-US". An empty tag
    /// stands for whatever the model recognises.
    public func recognizes(language tag: String) -> Bool {
        tag.isEmpty || languages.contains { Self.primary($0) == Self.primary(tag) }
    }

    /// - Throws: ``RecognitionError`` for `config.decoding` when this model cannot be searched so, or
    ///   when the search could ask for more rows than are scored at a time.
    func makeSearch(_ settings: RecognitionSettings) throws(RecognitionError) -> any Search {
        func refusal(_ problem: String) -> RecognitionError {
            RecognitionError(.invalidConfig, problem, field: "config.decoding")
        }
        let search: any Search
        do {
            search = try bundle.makeSearch(
                settings.search ?? bundle.searchDefaults,
                fusion: Fusion(phrases: settings.phrases, languageModel: settings.languageModel)
            )
        } catch {
            throw refusal("model \"\(name)\": \(error)")
        }
        guard search.maximumRequestCount <= scheduler.maximumRowCount else {
            throw refusal(
                """
                model "\(name)": the search could ask for \(search.maximumRequestCount) rows of \
                scores at once, and \(scheduler.maximumRowCount) are computed; ask for a smaller beam
                """
            )
        }
        return search
    }

    /// A detokenizer whose confidence is calibrated for the search that `settings` asks for.
    func makeDetokenizer(_ settings: RecognitionSettings) -> Detokenizer {
        var detokenizer = detokenizer
        let method = (settings.search ?? bundle.searchDefaults).method
        detokenizer.calibration = bundle.description.confidence.calibration(for: method)
        return detokenizer
    }

    private static func primary(_ tag: String) -> String {
        tag.split(separator: "-", omittingEmptySubsequences: false)[0].lowercased()
    }
}
