extension Channel {
    /// Every setting of a channel's transport.
    public struct Configuration: Sendable {
        /// A longer message ends its call with RESOURCE_EXHAUSTED.
        public var maximumReceivedMessageBytes = 4 << 20
        /// Of a response's headers, as HTTP/2 counts them (name, value and 32 bytes a pair).
        public var maximumMetadataBytes = 16 << 10
        /// What one attempt to connect may take.
        public var connectTimeout = Duration.seconds(5)
        /// The pause after a first failed attempt to connect; it grows by 1.6 each time,
        public var minimumReconnectBackoff = Duration.milliseconds(200)
        /// up to this.
        public var maximumReconnectBackoff = Duration.seconds(2)
        /// A silent connection is asked this often whether it still lives. Servers send clients away
        /// that ask more often than they tolerate: five minutes, where nobody said otherwise.
        public var keepaliveInterval = Duration.seconds(300)
        /// No answer within this time, and the connection is closed.
        public var keepaliveTimeout = Duration.seconds(20)
        /// Whether a connection without calls is asked too.
        public var keepaliveWithoutCalls = false
        /// Nil: plaintext.
        public var tls: TLS?

        public init() {}
    }
}
