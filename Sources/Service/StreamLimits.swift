/// What one stream may take up. Each limit is configurable by the name it has here.
public struct StreamLimits: Sendable, Equatable {
    /// From the opening of a stream to its first message.
    public var firstMessageTimeout: Duration = .seconds(10)
    /// Between two messages, while the server waits for the next one.
    public var idleTimeout: Duration = .seconds(30)
    /// From the opening of a stream to its end.
    public var maximumStreamDuration: Duration = .seconds(3600)
    /// Of audio in a stream.
    public var maximumAudioDuration: Duration = .seconds(1800)
    /// For a client to take the last results of a stream that another limit has ended.
    public var lastResultTimeout: Duration = .seconds(10)
    /// Streams at the same time.
    public var maximumStreams = 1000
    /// Alternatives that a client may ask for.
    public var maximumAlternatives = 30

    public init() {}
}
