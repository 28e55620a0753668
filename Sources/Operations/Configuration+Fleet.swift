extension Configuration {
    /// How a model's endpoints are used, and when they are left.
    public struct Fleet: Sendable, Equatable {
        /// Where a stream's encoder state is between two chunks; nil: as the bundle says.
        public var statePolicy: StatePolicy?
        /// Connections to each endpoint.
        public var connections = 2
        /// How long an endpoint may take to run one chunk.
        public var inferTimeout: Duration = .seconds(2)
        /// How long a chunk may wait in all before its stream is told that it cannot go on.
        public var patience: Duration = .seconds(15)
        public var balancing = Balancing.leastLoaded
        /// An endpoint that begins to take work gets its full share after this time.
        public var slowStart: Duration = .seconds(5)
        /// Whether a chunk that takes unusually long is sent once more, elsewhere.
        public var hedging = false
        public var batching = Batching()
        public var snapshots = Snapshots()
        public var health = Health()
        public var retries = Retries()
        public var admission = Admission()

        public init() {}
    }

    /// Where a stream's encoder state is between two chunks.
    public enum StatePolicy: String, Sendable, CaseIterable {
        case carried, resident
    }

    /// How the endpoint of a request is chosen.
    public enum Balancing: String, Sendable, CaseIterable {
        case leastLoaded = "least_loaded"
        case roundRobin = "round_robin"
    }

    /// How chunks of many streams share requests, where states are carried.
    public struct Batching: Sendable, Equatable {
        /// Chunks of a request.
        public var maximumBatch = 32
        /// How long a chunk may wait for others while every endpoint is busy.
        public var maximumWait: Duration = .milliseconds(5)
        /// Requests under way at one endpoint.
        public var maximumOutstanding = 2

        public init() {}
    }

    /// What is kept to move streams, where states are resident.
    public struct Snapshots: Sendable, Equatable {
        /// Chunks from one snapshot to the next.
        public var interval = 10
        /// Bytes that all streams together may come to hold.
        public var maximumBytes = 4 << 30

        public init() {}
    }

    /// When an endpoint is checked, left and tried again.
    public struct Health: Sendable, Equatable {
        /// Time between two checks of an endpoint.
        public var interval: Duration = .seconds(1)
        /// How long each question of a check may take to be answered.
        public var timeout: Duration = .milliseconds(500)
        /// Checks that must go unanswered in a row before an endpoint is left.
        public var unansweredChecks = 3
        /// Requests answered with errors in a row that eject an endpoint.
        public var failuresToEject = 3
        /// How long the first ejection lasts; each further one twice as long,
        public var minimumEjection: Duration = .seconds(1)
        /// up to this.
        public var maximumEjection: Duration = .seconds(60)
        /// The most endpoints that may be ejected at a time, of those there are.
        public var maximumEjectedShare = 0.5

        public init() {}
    }

    /// How many requests may be sent again.
    public struct Retries: Sendable, Equatable {
        /// Retries a request.
        public var share = 0.2
        /// Retries a second, at the least.
        public var minimumPerSecond = 10.0

        public init() {}
    }

    /// When new streams are refused so that running ones do not suffer.
    public struct Admission: Sendable, Equatable {
        /// How much longer than unloaded a chunk may take.
        public var headroom: Duration = .milliseconds(80)
        /// Streams of the model, whatever is measured; nil for any number.
        public var maximumStreams: Int?

        public init() {}
    }
}
