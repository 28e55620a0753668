public import AudioFrontend
public import Decoding
public import Kernels

// What a stream's recognition is made of, as model.yaml sets it.
extension ModelBundle {
    /// What the encoder's features are computed by.
    public var filterbankConfiguration: FilterbankConfiguration { description.frontend }

    /// Greedy search over the logits of `joiner`.
    public var greedySearch: GreedySearch.Configuration {
        GreedySearch.Configuration(
            vocabularySize: description.decoder.vocabularySize,
            blankID: description.decoder.blankID,
            unknownID: description.decoder.unknownID,
            initialContext: description.decoder.initialContext,
            maximumSymbolsPerFrame: description.search.maximumSymbolsPerFrame,
            tokenLogProbTemperature: description.search.tokenLogProbabilityTemperature
        )
    }

    /// A search for one stream.
    public func makeGreedySearch() throws(SearchError) -> GreedySearch {
        try GreedySearch(configuration: greedySearch)
    }

    /// A scorer for one decoding thread. Scorers share the networks' weights.
    public func makeScorer() throws(KernelError) -> TransducerScorer {
        try TransducerScorer(predictionNetwork: predictionNetwork, joiner: joiner)
    }

    /// What makes text and words of a search's tokens.
    public func makeDetokenizer() -> Detokenizer {
        Detokenizer(
            vocabulary: vocabulary,
            outputFrameDuration: description.encoder.outputFrameDuration
        )
    }
}
