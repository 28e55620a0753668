/// What one stream may take up. Each limit is configurable by the name it has here.
public struct StreamLimits: Sendable, Equatable {
    /// From the opening of a stream to its first message.
    public var firstMessageTimeout: Duration = .seconds(10)
    /// Between two messages, while the server waits for the next one.
    public var idleTimeout: Duration = .seconds(30)
    /// From the opening of a stream to its end.
    public var maximumStreamDuration = StreamLimits.unlimited
    /// Of audio in a stream.
    public var maximumAudioDuration = StreamLimits.unlimited
    /// For a client to take the last results of a stream that another limit has ended.
    public var lastResultTimeout: Duration = .seconds(10)
    /// Streams at the same time.
    public var maximumStreams = 20_000
    /// Alternatives that a client may ask for.
    public var maximumAlternatives = 30
    /// Hypotheses that a client may have a beam keep.
    public var maximumBeamSize = 16
    /// Phrases that a client may favour at a time.
    public var maximumPhrases = 20_000

    /// Longer than any stream, and far from where instants overflow: some 30,000 years.
    public static let unlimited = Duration.seconds(1 << 40)

    public init() {}
}
