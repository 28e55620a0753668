public import Logging

/// What `martlet serve` is told: a YAML file, overridden by the environment and by flags.
///
/// `Config/martlet.yaml` documents every key; what a file leaves out has the defaults below.
public struct Configuration: Sendable, Equatable {
    public var server = Server()
    public var limits = Limits()
    /// At least one, with distinct names; the first is the default.
    public var models: [Model] = []

    /// The port that is served, and its transport.
    public struct Server: Sendable, Equatable {
        /// `host:port`; port 0 takes any free one.
        public var listenAddress = "127.0.0.1:50051"
        /// `host:port` for operators; port 0 takes any free one; nil: none.
        public var adminAddress: String? = "127.0.0.1:50052"
        /// A longer message ends its call.
        public var maximumMessageBytes = 4 << 20
        /// Of one call's headers.
        public var maximumMetadataBytes = 16 << 10
        /// Of all connections together, while messages come in.
        public var maximumBufferedBytes = 512 << 20
        /// Recognize streams at the same time.
        public var maximumStreams = 20_000
        /// A silent connection is asked this often whether it still lives.
        public var keepaliveTime: Duration = .seconds(60)
        /// A connection that does not answer within this time is closed.
        public var keepaliveTimeout: Duration = .seconds(20)
        /// A client that pings an idle connection more often is told to go away.
        public var minimumPingInterval: Duration = .seconds(10)
        /// How long open streams may go on once the server is told to stop.
        public var shutdownGrace: Duration = .seconds(30)
        public var logLevel: Logger.Level = .info

        public init() {}
    }

    /// What one stream may take up.
    public struct Limits: Sendable, Equatable {
        /// From the opening of a stream to its first message.
        public var firstMessageTimeout: Duration = .seconds(10)
        /// Between two messages, while the server waits for the next one.
        public var idleTimeout: Duration = .seconds(30)
        /// From the opening of a stream to its end, by the wall clock; nil: no limit.
        public var maximumStreamDuration: Duration?
        /// Of audio in a stream; nil: no limit.
        public var maximumAudioDuration: Duration?
        /// For a client to take the last results of a stream that another limit has ended.
        public var lastResultTimeout: Duration = .seconds(10)
        /// Alternatives that a client may ask for.
        public var maximumAlternatives = 30
        /// Hypotheses that a client may have a beam keep.
        public var maximumBeamSize = 16
        /// Phrases that a client may favour at a time.
        public var maximumPhrases = 20_000

        public init() {}
    }

    /// A model that is served, and the Triton servers that run its encoder.
    public struct Model: Sendable, Equatable {
        /// The name that clients use.
        public var name: String
        /// The bundle's directory; `load` resolves it against the configuration file's.
        public var bundleDirectory: String
        /// Where the Tritons are, at least one: `host:port` of one, or `dns:host:port` for one at
        /// every address that the name has.
        public var endpoints: [String]
        /// Time between two lookups of a name in `endpoints`.
        public var resolveInterval: Duration = .seconds(10)
        /// How connections to the endpoints are encrypted; nil: plaintext.
        public var tls: TLS?
        /// The letters in which words are written.
        public var outputCase = OutputCase.asIs
        /// Those that requests may choose, with distinct names.
        public var languageModels: [LanguageModel] = []
        /// How the endpoints are used, and when they are left.
        public var fleet = Fleet()

        public init(name: String, bundleDirectory: String, endpoints: [String]) {
            self.name = name
            self.bundleDirectory = bundleDirectory
            self.endpoints = endpoints
        }
    }

    /// The letters in which words are written.
    public enum OutputCase: String, Sendable, CaseIterable {
        case asIs = "as_is"
        case lower, upper
    }

    /// An n-gram language model that a request may choose for a model.
    public struct LanguageModel: Sendable, Equatable {
        /// What its n-grams are made of.
        public enum Unit: String, Sendable, CaseIterable {
            case word, token
        }

        /// The name that clients use.
        public var name: String
        /// An ARPA file; `load` resolves it against the configuration file's directory.
        public var file: String
        public var unit = Unit.word
        /// What the case of a recognised word is made before it is looked up.
        public var letterCase = OutputCase.asIs
        /// What its log-probabilities are multiplied with unless a request says.
        public var weight = 0.3
        /// Added for each unit written, natural logarithm, unless a request says.
        public var insertionBonus = 0.0
        /// Added to the log-probability of each word that it does not know, natural logarithm.
        public var unknownWordOffset = -10.0
        /// An ARPA file of the same unit, whose share is taken off: the density ratio.
        public var sourceFile: String?
        public var sourceWeight = 0.2

        public init(name: String, file: String) {
            self.name = name
            self.file = file
        }
    }

    public init() {}
}

/// Why a configuration cannot be used, on one line that names the place, the key and what to do.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    package init(description: String) {
        self.description = description
    }
}
