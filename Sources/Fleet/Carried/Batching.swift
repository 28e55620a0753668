extension Fleet {
    /// How chunks of many streams share requests, where states travel with them.
    public struct Batching: Sendable, Equatable {
        /// The most chunks of a request, from 1 on. No more than the served model takes (in Triton's
        /// configuration, `max_batch_size`): a larger request is refused, and runs in halves.
        public var maximumBatch = 32
        /// How long a chunk may wait for others while every endpoint has something to do. At an idle
        /// endpoint none waits, and a full batch does not wait either.
        public var maximumWait: Duration = .milliseconds(5)
        /// Requests under way at one endpoint, from 1 on. Two keep it busy while an answer travels;
        /// what comes beyond waits here, where it can still join others.
        public var maximumOutstandingRequests = 2

        public init() {}
    }
}

/// How chunks came to share requests, since the start unless it says otherwise.
public struct BatchStatistics: Sendable, Equatable {
    /// Requests that were sent, again or for the first time.
    public var requests = 0
    /// Chunks in them.
    public var chunks = 0
    /// Requests of several chunks that were answered with an error and tried again in halves.
    public var splits = 0
    /// Requests that were sent to a second endpoint because the first one took unusually long.
    public var hedges = 0
    /// Chunks that wait to be sent, now.
    public var waiting = 0
    /// How long half of the chunks, and all but a twentieth, waited before they were first sent,
    /// lately; nil before the first one. Rounded up, by an eighth at most.
    public var medianWait: Duration?
    public var wait95: Duration?

    package init() {}

    /// Chunks of the average request.
    public var meanBatch: Double { requests == 0 ? 0 : Double(chunks) / Double(requests) }
}
