extension Channel {
    /// How a channel's connection is encrypted, and who is believed at its other end.
    ///
    /// The server must show a certificate that is valid now, bears the signature of one of the
    /// authorities and is for the target's host, or for ``serverName``. With an ``identity`` the
    /// server knows its client too (mutual TLS).
    public struct TLS: Sendable {
        /// Nil: those that this system trusts.
        public var authorities: TLSAuthorities?
        /// Nil: the client shows no certificate.
        public var identity: TLSIdentity?
        /// The name that the server's certificate must be for, where that is not the target's host:
        /// a target that is an address, say. It is also what calls name as their `:authority`.
        public var serverName: String?

        public init(
            authorities: TLSAuthorities? = nil,
            identity: TLSIdentity? = nil,
            serverName: String? = nil
        ) {
            self.authorities = authorities
            self.identity = identity
            self.serverName = serverName
        }
    }
}
