/// Why certificates or a key cannot be used, before any connection is made.
public enum TLSError: Error, Sendable, Equatable {
    /// No certificate is there, or not all of what is there can be read.
    case unreadableCertificate
    /// No private key is there, it cannot be read, or it is behind a pass phrase.
    case unreadablePrivateKey
    /// Certificate and private key do not belong together.
    case keyOfAnotherCertificate
}

extension TLSError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreadableCertificate:
            """
            holds no certificate that can be read; expected PEM, one "-----BEGIN CERTIFICATE-----" \
            or more
            """
        case .unreadablePrivateKey:
            """
            holds no private key that can be read; expected PEM without a pass phrase, \
            "-----BEGIN PRIVATE KEY-----"
            """
        case .keyOfAnotherCertificate:
            """
            the private key is not that of the first certificate; put a server's or client's own \
            certificate first in its chain
            """
        }
    }
}
