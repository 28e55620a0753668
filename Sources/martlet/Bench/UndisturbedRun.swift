internal import Foundation
internal import GRPCTransport
internal import LoadGeneration
internal import SwiftProtobuf
internal import Wire

/// Each recording recognised alone, as fast as the server can: what its finals have to be.
struct UndisturbedRun {
    let recordings: [BenchRecording]
    let channel: Channel
    /// What was asked of recognition, in words.
    let config: String

    /// - Throws: `CommandError` that names the first recording that cannot be recognised.
    func run(progress: BenchProgress) async throws -> ExpectedFinals {
        var expected = ExpectedFinals(config: config)
        for (index, recording) in recordings.enumerated() {
            progress.tell("recognising each recording alone: \(index + 1)/\(recordings.count)")
            let stream = BenchStream(recording: recording, channel: channel, load: nil)
            switch await stream.run() {
            case .ok(let finals): expected.finals[recording.name] = finals
            case .failed(let error, _, _):
                throw CommandError("\(recording.name), recognised alone: \(error)")
            case .silent: preconditionFailure("a stream that is alone has its turn")
            }
        }
        progress.finish()
        return expected
    }
}
