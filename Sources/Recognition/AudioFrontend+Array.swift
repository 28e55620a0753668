internal import AudioFrontend

extension AudioFrontend {
    /// Takes the next bytes of the stream from an array.
    func append(_ bytes: [UInt8]) throws(AudioError) {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(AudioError) in try append(buffer) }
        }
        try result.get()
    }
}
