public import Kernels

/// RNN-T greedy search: at each encoder frame the most probable token is taken, and taken again
/// until it is blank or the frame has given as many symbols as it may.
///
/// Graves, "Sequence transduction with recurrent neural networks" (2012), without a beam; with one
/// symbol a frame it is sherpa-onnx's `greedy_search` for online transducers, to which the rules
/// below are equal: `<unk>` acts as a blank, a tie goes to the lowest id, a token's time is the
/// frame that emitted it.
///
/// States and transitions:
///
///     between pieces --begin(n > 0)--> at frame 0
///     at frame f --resume: blank, unknown, or the frame's last symbol--> at frame f + 1
///     at frame f --resume: a symbol, and the frame may give more--> at frame f
///     at frame n --(at once)--> between pieces
public struct GreedySearch: Search {
    public struct Configuration: Hashable, Sendable {
        /// Logits a row.
        public var vocabularySize: Int
        public var blankID: Int32
        /// A token that acts as a blank, if the model has one.
        public var unknownID: Int32?
        /// What the prediction network sees before the first token.
        public var initialContext: TokenContext
        /// At least 1, the rule of stateless transducers, which are trained so.
        public var maximumSymbolsPerFrame: Int
        /// Softmax temperature at which token log-probabilities are reported; the search itself
        /// only compares logits. sherpa-onnx reports at 2.
        public var tokenLogProbTemperature: Float

        public init(
            vocabularySize: Int,
            blankID: Int32,
            unknownID: Int32?,
            initialContext: TokenContext,
            maximumSymbolsPerFrame: Int = 1,
            tokenLogProbTemperature: Float = 2
        ) {
            self.vocabularySize = vocabularySize
            self.blankID = blankID
            self.unknownID = unknownID
            self.initialContext = initialContext
            self.maximumSymbolsPerFrame = maximumSymbolsPerFrame
            self.tokenLogProbTemperature = tokenLogProbTemperature
        }
    }

    public struct State: Codable, Equatable, Sendable {
        public var frameCount: Int
        public var context: TokenContext
        public var hypothesis: Hypothesis
    }

    public let configuration: Configuration
    public private(set) var best = Hypothesis()

    private var context: TokenContext
    /// Frames of the stream before the current piece.
    private var pieceOffset = 0
    private var pieceFrameCount = 0
    /// The frame of the piece that is searched next.
    private var frame = 0
    private var symbolsOfFrame = 0

    /// - Throws: `SearchError.invalidConfiguration`.
    public init(configuration: Configuration) throws(SearchError) {
        try configuration.check()
        self.configuration = configuration
        context = configuration.initialContext
    }

    /// Goes on from a saved state.
    ///
    /// - Throws: `SearchError`; a state may come from anywhere and is checked whole.
    public init(configuration: Configuration, restoring state: State) throws(SearchError) {
        try self.init(configuration: configuration)
        try configuration.check(state)
        best = state.hypothesis
        context = state.context
        pieceOffset = state.frameCount
    }

    public var frameCount: Int { pieceOffset + frame }
    public var requestCount: Int { frame < pieceFrameCount ? 1 : 0 }
    public var scoreCount: Int { configuration.vocabularySize }

    public var state: State {
        precondition(requestCount == 0, "a search is saved between pieces")
        return State(frameCount: frameCount, context: context, hypothesis: best)
    }

    public mutating func begin(frameCount: Int) {
        precondition(requestCount == 0, "the piece before has not been searched to its end")
        precondition(frameCount >= 0, "a negative number of frames")
        pieceOffset += pieceFrameCount
        pieceFrameCount = frameCount
        frame = 0
    }

    public func forEachScoreRequest(_ body: (ScoreRequest) -> Void) {
        guard requestCount > 0 else { return }
        body(ScoreRequest(context: context, frame: frame))
    }

    public mutating func resume(with scores: Span<Float>) throws(SearchError) {
        let expected = requestCount * scoreCount
        guard scores.count == expected else {
            throw .scoreCount(expected: expected, found: scores.count)
        }
        guard requestCount > 0 else { return }
        guard let greatest = LogitRow.argmax(scores) else {
            throw .scoresNotFinite(frame: frameCount)
        }
        let id = Int32(greatest)
        if id == configuration.blankID || id == configuration.unknownID {
            advance()
            return
        }
        best.tokens.append(
            Hypothesis.Token(
                id: id,
                frame: frameCount,
                logProbability: LogitRow.logProbability(
                    of: greatest,
                    in: scores,
                    temperature: configuration.tokenLogProbTemperature
                )
            )
        )
        context.append(id)
        symbolsOfFrame += 1
        if symbolsOfFrame == configuration.maximumSymbolsPerFrame { advance() }
    }

    public func hypotheses(limit: Int) -> [Hypothesis] {
        limit > 0 ? [best] : []
    }

    private mutating func advance() {
        frame += 1
        symbolsOfFrame = 0
    }
}

extension GreedySearch.Configuration {
    /// Frames that a restored search may have behind it: a thousand years of 40 ms frames, and far
    /// from where adding more could overflow.
    static let maximumRestoredFrameCount = 1 << 40

    func check() throws(SearchError) {
        guard vocabularySize > 0, vocabularySize <= Int(Int32.max) else {
            throw .invalidConfiguration("a vocabulary of \(vocabularySize) tokens")
        }
        guard ids.contains(blankID) else {
            throw .invalidConfiguration("blank_id \(blankID) is not in the vocabulary")
        }
        if let unknownID, !ids.contains(unknownID) {
            throw .invalidConfiguration("unknown_id \(unknownID) is not in the vocabulary")
        }
        guard accepts(initialContext) else {
            throw .invalidConfiguration("an id of initial_context is not in the vocabulary")
        }
        guard maximumSymbolsPerFrame > 0 else {
            throw .invalidConfiguration("max_symbols_per_frame must be at least 1")
        }
        guard tokenLogProbTemperature > 0, tokenLogProbTemperature.isFinite else {
            throw .invalidConfiguration("token_log_prob_temperature must be positive")
        }
    }

    func check(_ state: GreedySearch.State) throws(SearchError) {
        guard (0...Self.maximumRestoredFrameCount).contains(state.frameCount) else {
            throw .invalidState("frame count \(state.frameCount)")
        }
        guard state.context.count == initialContext.count, accepts(state.context) else {
            throw .invalidState("its context is not one of this model")
        }
        var earliest = 0
        for token in state.hypothesis.tokens {
            guard ids.contains(token.id) else {
                throw .invalidState("token \(token.id) is not in the vocabulary")
            }
            guard (earliest..<max(state.frameCount, earliest)).contains(token.frame) else {
                throw .invalidState("a token at frame \(token.frame) is out of order")
            }
            guard token.logProbability <= 0 else {
                throw .invalidState("log-probability \(token.logProbability)")
            }
            earliest = token.frame
        }
    }

    private var ids: Range<Int32> { 0..<Int32(vocabularySize) }

    private func accepts(_ context: TokenContext) -> Bool {
        (0..<context.count).allSatisfy {
            context[$0] == TokenContext.startID || ids.contains(context[$0])
        }
    }
}
