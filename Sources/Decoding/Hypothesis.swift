/// A sequence of tokens that the audio may have been, with when and how probably each was emitted.
public struct Hypothesis: Codable, Hashable, Sendable {
    /// One emitted token.
    public struct Token: Codable, Hashable, Sendable {
        /// Its id in the vocabulary.
        public var id: Int32
        /// The encoder frame that emitted it, counted from the stream's beginning.
        public var frame: Int
        /// Its natural log-probability among all tokens, at the search's reporting temperature.
        public var logProbability: Float

        public init(id: Int32, frame: Int, logProbability: Float) {
            self.id = id
            self.frame = frame
            self.logProbability = logProbability
        }
    }

    /// In the order of emission; frames never decrease.
    public var tokens: [Token]

    public init(tokens: [Token] = []) {
        self.tokens = tokens
    }
}
