internal import CCrypto

/// SHA-256 (FIPS 180-4), for telling files apart: digests agree with `sha256sum`.
package enum SHA256 {
    /// The digest in lower-case hexadecimal.
    package static func hexadecimalDigest(of bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = CCrypto.SHA256(bytes, bytes.count, &digest)
        return digest.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
