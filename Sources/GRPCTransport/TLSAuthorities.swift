internal import CGRPCShim

/// The authorities whose signature makes a peer's certificate believed.
public struct TLSAuthorities: Sendable {
    let certificates: [UInt8]

    /// - Parameter certificates: PEM: one certificate or more, one after the other.
    /// - Throws: ``TLSError/unreadableCertificate`` when there is none, or one cannot be read.
    public init(certificates: [UInt8]) throws(TLSError) {
        guard
            certificates.withUnsafeBytes({ cgrpc_certificates_are_legal(cgrpc_bytes($0)) })
        else { throw .unreadableCertificate }
        self.certificates = certificates
    }
}
