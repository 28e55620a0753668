extension Server {
    /// How a server's connections are encrypted, and which clients may connect.
    public struct TLS: Sendable {
        public var identity: TLSIdentity
        /// With them, a client must show a certificate that bears the signature of one of these
        /// (mutual TLS). Nil: any client may connect.
        public var clientAuthorities: TLSAuthorities?

        public init(identity: TLSIdentity, clientAuthorities: TLSAuthorities? = nil) {
            self.identity = identity
            self.clientAuthorities = clientAuthorities
        }
    }
}
