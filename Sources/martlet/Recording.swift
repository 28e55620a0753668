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
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw CommandError("there is no such file")
        }
        guard !isDirectory.boolValue else {
            throw CommandError("is a directory; name the files in it")
        }
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
                "is not a WAV file; convert it, with `sox in -c 1 -b 16 out.wav` for instance"
            )
        }
        try header.format.checkSupported()
        let audio = file.dropFirst(header.headerByteCount)
        samples = Data(header.dataByteCount.map { audio.prefix($0) } ?? audio)
        sampleRateHertz = header.format.sampleRateHertz
    }
}
