internal import AudioFrontend
internal import Foundation
internal import Testing

/// Real speech against the reference itself. Needs the recordings, and in MARTLET_PYTHON the path of
/// a Python with kaldi_native_fbank; without either it says so and does nothing.
@Suite struct SpeechOracleTests {
    private static let package = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let recordings =
        (ProcessInfo.processInfo.environment["MARTLET_SHARED"].map { URL(filePath: $0) }
        ?? package.deletingLastPathComponent().appending(path: "shared"))
        .appending(path: "speech/wav")
    private static let python = ProcessInfo.processInfo.environment["MARTLET_PYTHON"]

    private static var isAvailable: Bool {
        guard FileManager.default.fileExists(atPath: recordings.path) else {
            print("speech against kaldi-native-fbank: not run, no recordings at \(recordings.path)")
            return false
        }
        guard python != nil else {
            print("speech against kaldi-native-fbank: not run, MARTLET_PYTHON names no interpreter")
            return false
        }
        return true
    }

    // Missing: the shared recordings, or an interpreter with kaldi_native_fbank.
    @Test("All recordings agree with kaldi-native-fbank", .enabled(if: isAvailable))
    func recordings() throws {
        let directory = FileManager.default.temporaryDirectory
            .appending(path: "martlet-filterbank-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let oracle = Process()
        oracle.executableURL = URL(filePath: try #require(Self.python))
        oracle.arguments = [
            Self.package.appending(path: "Tools/oracles/filterbank.py").path,
            "--wav-dir", Self.recordings.path, "--out", directory.path,
        ]
        try oracle.run()
        oracle.waitUntilExit()
        try #require(oracle.terminationStatus == 0)

        var deviation = Deviation()
        var recordings = 0
        for url in try FileManager.default.contentsOfDirectory(
            at: Self.recordings,
            includingPropertiesForKeys: nil
        )
        where url.pathExtension == "wav" {
            let name = url.deletingPathExtension().lastPathComponent
            let reference = floats(try Data(contentsOf: directory.appending(path: "\(name).f32")))
            let ours = try frames(of: Array(Data(contentsOf: url)), tail: 10_560) { 333 }
            #expect(ours.count == reference.count, "\(name)")
            deviation.add(ours, reference)
            recordings += 1
        }
        print("speech against kaldi-native-fbank: \(recordings) recordings, \(deviation)")
        #expect(recordings > 0)
        #expect(deviation.share >= 0.9999)
        #expect(deviation.largest <= 1e-2)
    }
}
