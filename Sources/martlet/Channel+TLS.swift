internal import Foundation
internal import GRPCTransport
internal import Operations

extension Channel.TLS {
    /// Files of certificates and keys are a few kilobytes; what is longer is something else.
    private static let maximumFileBytes = 1 << 20

    /// Reads the files of a model's `tls`.
    ///
    /// - Throws: `CommandError` naming the file, what is wrong with it and what to do. It shows
    ///   nothing of what the file holds.
    init(_ settings: Operations.Configuration.TLS) throws {
        self.init(serverName: settings.serverName)
        if let file = settings.authoritiesFile {
            let certificates = try Self.contents(of: file, "ca")
            do throws(TLSError) {
                authorities = try TLSAuthorities(certificates: certificates)
            } catch {
                throw CommandError("tls.ca: \(file) \(error)")
            }
        }
        if let certificateFile = settings.certificateFile, let keyFile = settings.keyFile {
            let chain = try Self.contents(of: certificateFile, "certificate")
            let key = try Self.contents(of: keyFile, "key")
            do throws(TLSError) {
                identity = try TLSIdentity(certificateChain: chain, privateKey: key)
            } catch {
                throw switch error {
                case .unreadableCertificate:
                    CommandError("tls.certificate: \(certificateFile) \(error)")
                case .unreadablePrivateKey: CommandError("tls.key: \(keyFile) \(error)")
                case .keyOfAnotherCertificate:
                    CommandError("tls: \(certificateFile) and \(keyFile): \(error)")
                }
            }
        }
    }

    private static func contents(of file: String, _ key: String) throws -> [UInt8] {
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
            defer { try? handle.close() }
            let contents = try handle.read(upToCount: maximumFileBytes + 1) ?? Data()
            guard contents.count <= maximumFileBytes else {
                throw CommandError(
                    """
                    tls.\(key): \(file) is longer than \(maximumFileBytes) bytes; name a file of \
                    PEM
                    """
                )
            }
            return [UInt8](contents)
        } catch let error as CommandError {
            throw error
        } catch {
            throw CommandError(
                """
                tls.\(key): \(file) cannot be read; check that it is there and that this user may \
                read it
                """
            )
        }
    }
}
