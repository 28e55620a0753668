/// What a stub encoder has served.
public struct StubEncoderCounts: Sendable, Equatable {
    /// Answered with tensors, or with the end of a sequence.
    public var requests = 0
    /// Chunks in those requests.
    public var rows = 0
    /// Chunks that were answered with the fallback, since the recording does not have their chain.
    public var unknownChains = 0
    /// Chunks among those whose state did not hang together.
    public var brokenStates = 0
    /// Requests that failed because they were drawn to.
    public var drawnErrors = 0
    /// Requests that were drawn to stall.
    public var drawnStalls = 0
    /// Requests that were refused: malformed, of an unknown sequence, too many.
    public var refused = 0
    /// Requests whose caller had gone before they were done.
    public var abandoned = 0
    public var sequences = SequenceTable.Counts()
    /// Sequences that are open; at the end, those that nobody ended.
    public var openSequences = 0

    public init() {}

    /// Rows in a request that has any, on average.
    public var meanBatch: Double {
        batches == 0 ? 0 : Double(rows) / Double(batches)
    }

    /// Requests with rows.
    public internal(set) var batches = 0
}
