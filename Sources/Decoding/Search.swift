public import Kernels

/// One row of scores that a search needs before it can go on.
public struct ScoreRequest: Hashable, Sendable {
    /// The hypothesis as the prediction network sees it; empty for a model without one.
    public var context: TokenContext
    /// The encoder frame, counted from 0 in the piece given to `begin`.
    public var frame: Int

    public init(context: TokenContext, frame: Int) {
        self.context = context
        self.frame = frame
    }
}

/// A transducer or CTC search over one stream, as a value.
///
/// A search calls nobody. It is given a number of encoder frames, says which rows of scores it
/// needs next, and goes on when it has them, so that whoever drives it can score the requests of
/// many streams in one batch, in process or on a server:
///
///     search.begin(frameCount: 8)
///     while search.requestCount > 0 {
///         search.forEachScoreRequest { gather($0) }
///         try search.resume(with: scores)
///     }
///
/// Between pieces (`requestCount` is zero) a search can be copied, saved and restored, and goes on
/// as if nothing had happened. Where the encoder's frames are cut into pieces changes no result.
public protocol Search: Sendable {
    /// What has to be kept to go on elsewhere with a search of the same configuration.
    associatedtype State: Codable & Equatable & Sendable

    /// Encoder frames searched since the stream began; the absolute index of the next one.
    var frameCount: Int { get }
    /// Rows of scores needed now. Zero when the piece has been searched to its end.
    var requestCount: Int { get }
    /// Floats in a row of scores: the vocabulary, and whatever else the model predicts.
    var scoreCount: Int { get }
    /// The most probable hypothesis so far.
    var best: Hypothesis { get }
    /// Legal between pieces.
    var state: State { get }

    /// Takes `frameCount` more encoder frames. Legal between pieces.
    mutating func begin(frameCount: Int)

    /// Names the rows needed now, always in the same order until `resume`.
    func forEachScoreRequest(_ body: (ScoreRequest) -> Void)

    /// Goes on with the rows asked for.
    ///
    /// - Parameter scores: logits, `[requestCount, scoreCount]`, row-major, in the order of
    ///   `forEachScoreRequest`.
    /// - Throws: `SearchError` when the scores cannot be used; the search is as it was before.
    mutating func resume(with scores: Span<Float>) throws(SearchError)

    /// The most probable hypotheses so far, the best one first, at most `limit`.
    func hypotheses(limit: Int) -> [Hypothesis]
}
