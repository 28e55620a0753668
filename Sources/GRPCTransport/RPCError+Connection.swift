extension RPCError {
    /// What gRPC says of a connection that could not be made, and for a failed handshake what to do.
    ///
    /// gRPC names the address and TLS's reason, but not which side's setting is to blame. Its texts
    /// are part of no interface: one that is not known here stays as it is.
    static func explainedConnectionFailure(_ message: String) -> String {
        guard message.hasPrefix("failed to connect to all addresses") else { return message }
        for (sign, advice) in handshakeFailures where message.contains(sign) {
            return "\(message); \(advice)"
        }
        return message
    }

    private static let handshakeFailures = [
        (
            "certificate verify failed",
            """
            no authority that this client trusts has signed the server's certificate, or it is not \
            valid now: give the authority's certificate, and check the certificate's dates
            """
        ),
        (
            "is not in peer certificate",
            """
            the server's certificate is for another name: connect by that name, or give it as the \
            server name
            """
        ),
        (
            "wrong version number",
            "the server does not answer in TLS there: check the port, or connect without TLS"
        ),
        (
            "Socket closed",
            """
            the server closed the connection during the handshake: it may expect TLS, or a client \
            certificate that one of its authorities has signed
            """
        ),
    ]
}
