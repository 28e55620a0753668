public import Decoding

/// What was recognised of a stream so far.
public struct RecognitionResult: Sendable, Equatable {
    /// The most likely first; there is always one.
    public var alternatives: [Transcript]
    public var isFinal: Bool
    /// Of an interim result, 0 to 1: how much of it will stay as it is.
    public var stability: Float
    /// Where the result ends, from the stream's beginning.
    public var endTime: Duration
    /// How much audio, from the stream's beginning, had to be there to make it.
    public var audioProcessed: Duration

    package init(
        alternatives: [Transcript],
        isFinal: Bool,
        stability: Float,
        endTime: Duration,
        audioProcessed: Duration
    ) {
        self.alternatives = alternatives
        self.isFinal = isFinal
        self.stability = stability
        self.endTime = endTime
        self.audioProcessed = audioProcessed
    }
}
