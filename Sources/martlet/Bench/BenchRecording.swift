internal import Foundation
internal import GRPCTransport
internal import LoadGeneration
internal import MessageCoding
internal import SwiftProtobuf
internal import Wire

/// A recording as the messages that all streams share which speak it: made once, sent often.
struct BenchRecording: Sendable {
    let name: String
    let config: MessageBytes
    /// Serialised requests, each with the audio of one message: slices of one buffer.
    let messages: [MessageBytes]
    let cut: MessageCut
    /// What was said, if anybody knows.
    let reference: String?

    /// `config` needs everything but encoding and rate, which are the recording's.
    init(
        name: String,
        recording: Recording,
        config: Martlet_V1_RecognitionConfig,
        messageMilliseconds: Int,
        reference: String?
    ) throws {
        self.name = name
        self.reference = reference
        cut = MessageCut(
            sampleCount: recording.samples.count / 2,
            sampleRateHertz: recording.sampleRateHertz,
            messageMilliseconds: messageMilliseconds
        )
        self.config = try Martlet_V1_RecognizeRequest.with {
            $0.config = config
            $0.config.encoding = .linear16
            $0.config.sampleRateHertz = Int32(recording.sampleRateHertz)
        }.messageBytes()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(recording.samples.count + 8 * cut.messageCount)
        var ranges: [Range<Int>] = []
        for index in 0..<cut.messageCount {
            let samples = cut.samples(ofMessage: index)
            let start = bytes.count
            let request = Martlet_V1_RecognizeRequest.with {
                $0.audio = recording.samples.subdata(
                    in: 2 * samples.lowerBound..<2 * samples.upperBound
                )
            }
            bytes.append(contentsOf: try request.serializedBytes() as [UInt8])
            ranges.append(start..<bytes.count)
        }
        let buffer = MessageBytes(bytes)
        messages = ranges.map { buffer[$0] }
    }

    var duration: Duration { cut.duration(ofSamples: cut.sampleCount) }
}

extension BenchRecording {
    /// Bounds what directories of recordings take in memory.
    private static let maximumBytes = 4 << 30

    /// The WAV files among `paths` and, in the order of their names, in the directories among them.
    ///
    /// - Throws: `CommandError` that names the file that cannot be used.
    static func load(
        _ paths: [String],
        config: Martlet_V1_RecognitionConfig,
        messageMilliseconds: Int,
        references: References?
    ) throws -> [BenchRecording] {
        var names: Set<String> = []
        var byteCount = 0
        return try paths.flatMap(files(at:)).map { file in
            let name = References.name(ofFile: file)
            guard names.insert(name).inserted else {
                throw CommandError("two recordings are called \(name); rename one of them")
            }
            let recording: Recording
            do {
                recording = try Recording(path: file)
            } catch {
                throw CommandError("\(file): \(error)")
            }
            guard recording.samples.count >= 2 else { throw CommandError("\(file): is empty") }
            byteCount += recording.samples.count
            guard byteCount <= maximumBytes else {
                throw CommandError("the recordings exceed \(maximumBytes >> 30) GiB; name fewer")
            }
            return try BenchRecording(
                name: name,
                recording: recording,
                config: config,
                messageMilliseconds: messageMilliseconds,
                reference: references?[name]
            )
        }
    }

    private static func files(at path: String) throws -> [String] {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw CommandError("\(path): there is no such file or directory")
        }
        guard isDirectory.boolValue else { return [path] }
        let files = try FileManager.default.contentsOfDirectory(atPath: path)
            .filter { $0.lowercased().hasSuffix(".wav") }.sorted()
        guard !files.isEmpty else { throw CommandError("\(path): holds no .wav files") }
        return files.map { "\(path)/\($0)" }
    }
}
