extension Server {
    /// Every limit of a server's transport.
    public struct Configuration: Sendable {
        /// "host:port" or "unix:path"; port 0 takes any free one, which ``Server/port`` tells.
        public var listenAddress = "127.0.0.1:50051"
        /// A longer message ends its call with RESOURCE_EXHAUSTED.
        public var maximumReceivedMessageBytes = 4 << 20
        /// Of one call's headers, as HTTP/2 counts them (name, value and 32 bytes a pair).
        public var maximumMetadataBytes = 16 << 10
        /// What a stream takes in while its handler does not read: its HTTP/2 window. gRPC's least
        /// is 65,535.
        public var unreadBytesPerStream = 65_536
        public var maximumCallsPerConnection = 4_096
        /// What all connections together may hold in buffers. gRPC 1.51 tells a message's length only
        /// when it has taken it in whole, so this is what bounds one that is far over the limit. Near
        /// it, gRPC lets no more in; over it, it cancels streams, not always the guilty one.
        public var maximumBufferedBytes = 512 << 20
        /// A silent connection is asked this often whether it still lives,
        public var keepaliveInterval = Duration.seconds(60)
        /// and closed when no answer comes within this time.
        public var keepaliveTimeout = Duration.seconds(20)
        /// A client that pings an idle connection more often is told to go away (by gRPC's default,
        /// that is five minutes).
        public var minimumPingInterval = Duration.seconds(10)
        /// A connection that has not finished its TLS handshake and HTTP/2 preface by then is closed.
        public var handshakeTimeout = Duration.seconds(20)
        /// Nil: plaintext.
        public var tls: TLS?

        public init() {}
    }
}

extension Duration {
    /// Rounded up, within what C's `int32_t` holds.
    var clampedMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < 2_000_000 else { return .max }
        guard seconds > -2_000_000 else { return .min }
        let partial = attoseconds / 1_000_000_000_000_000
        let rest: Int64 = attoseconds % 1_000_000_000_000_000 > 0 ? 1 : 0
        return Int32(seconds * 1_000 + partial + rest)
    }

    /// Within what `int64_t` holds.
    var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        guard seconds < 9_000_000_000 else { return .max - 1 }
        guard seconds > -9_000_000_000 else { return .min }
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
