/// Why a stream could not be recognised, or not to its end.
///
/// The one error that leaves this module. `Service` maps it to a gRPC status and its details.
public struct RecognitionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of error it is. More may be added: switch with a default.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// In capitals, as programs see it.
        public let description: String

        private init(_ description: String) {
            self.description = description
        }

        public static let audioBeforeConfig = Code("AUDIO_BEFORE_CONFIG")
        public static let configTwice = Code("CONFIG_TWICE")
        public static let emptyStream = Code("EMPTY_STREAM")
        public static let emptyMessage = Code("EMPTY_MESSAGE")
        public static let malformedMessage = Code("MALFORMED_MESSAGE")
        public static let invalidConfig = Code("INVALID_CONFIG")
        public static let unknownModel = Code("UNKNOWN_MODEL")
        public static let invalidAudio = Code("INVALID_AUDIO")
        public static let firstMessageTimeout = Code("FIRST_MESSAGE_TIMEOUT")
        public static let idleTimeout = Code("IDLE_TIMEOUT")
        public static let maximumDurationExceeded = Code("MAXIMUM_DURATION_EXCEEDED")
        public static let tooManyStreams = Code("TOO_MANY_STREAMS")
        public static let overloaded = Code("OVERLOADED")
        public static let modelUnavailable = Code("MODEL_UNAVAILABLE")
        public static let modelTooSlow = Code("MODEL_TOO_SLOW")
        public static let modelFailed = Code("MODEL_FAILED")
        public static let cancelled = Code("CANCELLED")
    }

    /// Who has to do something about it.
    public enum Origin: String, Sendable {
        case client, proxy, backend
    }

    public var code: Code
    /// What happened, where, and what to do about it.
    public var message: String
    public var origin: Origin
    /// The part of the request that was wrong, such as `config.sample_rate_hertz`.
    public var field: String?
    /// After what time the same stream might succeed; nil when trying again is pointless.
    public var retryDelay: Duration?

    public init(
        _ code: Code,
        _ message: String,
        origin: Origin = .client,
        field: String? = nil,
        retryDelay: Duration? = nil
    ) {
        self.code = code
        self.message = message
        self.origin = origin
        self.field = field
        self.retryDelay = retryDelay
    }

    public var description: String { "\(code): \(message)" }
}
