internal import CGRPCShim

/// A certificate and its private key: what one side of an encrypted connection proves itself with.
public struct TLSIdentity: Sendable {
    let certificateChain: [UInt8]
    let privateKey: [UInt8]

    /// - Parameters:
    ///   - certificateChain: PEM: the certificate itself, then those between it and an authority.
    ///   - privateKey: PEM, without a pass phrase.
    /// - Throws: ``TLSError`` when one of them cannot be read or the key belongs to another
    ///   certificate.
    public init(certificateChain: [UInt8], privateKey: [UInt8]) throws(TLSError) {
        let verdict = certificateChain.withUnsafeBytes { chain in
            privateKey.withUnsafeBytes { key in
                cgrpc_identity_judge(cgrpc_bytes(chain), cgrpc_bytes(key))
            }
        }
        switch verdict {
        case CGRPC_IDENTITY_LEGAL: break
        case CGRPC_IDENTITY_NO_CERTIFICATE: throw .unreadableCertificate
        case CGRPC_IDENTITY_NO_KEY: throw .unreadablePrivateKey
        default: throw .keyOfAnotherCertificate
        }
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }
}

/// A key must not come into a log by way of whatever holds it.
extension TLSIdentity: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "TLSIdentity(private key withheld)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
