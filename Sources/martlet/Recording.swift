internal import AudioFrontend
internal import Foundation

/// The samples of a WAV file and their rate.
struct Recording {
    /// 16-bit little-endian samples of one channel.
    let samples: Data
    let sampleRateHertz: Int

    /// - Throws: what is wrong with the file, when it cannot be read or is none that the server
    ///   takes.
    init(path: String) throws {
        let file: Data
        do {
            file = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        } catch {
            throw CommandError("cannot be read: \(error.localizedDescription)")
        }
        var parser = WAVHeaderParser()
        _ = try file.withUnsafeBytes { try parser.consume($0) }
        guard case .wav(let header) = parser.outcome else {
            throw CommandError(
                "is not a WAV file; convert it, with `sox in out.wav` or ffmpeg for instance"
            )
        }
        try header.format.checkSupported()
        let audio = file.dropFirst(header.headerByteCount)
        samples = Data(header.dataByteCount.map { audio.prefix($0) } ?? audio)
        sampleRateHertz = header.format.sampleRateHertz
    }
}
