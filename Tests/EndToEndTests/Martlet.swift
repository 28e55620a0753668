internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import SwiftProtobuf
internal import Testing
internal import Wire

/// A `martlet serve` process and a channel to it.
final class Martlet: Sendable {
    let process: ChildProcess
    let address: String
    /// Where operators are served.
    let adminAddress: String
    let channel: Channel

    static let modelName = "zipformer-en"

    /// Starts it on a free port and returns when it serves.
    /// - Parameters:
    ///   - settings: YAML lines for the configuration file, besides `models`.
    ///   - modelSettings: Further keys of the model, as within braces.
    convenience init(
        _ places: Laboratory.Places,
        directory: String,
        endpoints: [String],
        settings: String = "",
        modelSettings: String = ""
    ) async throws {
        try await self.init(
            places,
            directory: directory,
            bundle: "\(places.export)/bundle",
            endpoints: endpoints,
            settings: settings,
            modelSettings: modelSettings
        )
    }

    init(
        _ places: Laboratory.Places,
        directory: String,
        bundle: String,
        endpoints: [String],
        settings: String,
        modelSettings: String = ""
    ) async throws {
        let file = try Self.writeConfiguration(
            directory: directory,
            bundle: bundle,
            endpoints: endpoints,
            settings: settings,
            modelSettings: modelSettings
        )
        process = try ChildProcess(
            places.martlet,
            ["serve", "--config", file, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        )
        let line = try await process.line { $0.contains(" serving ") }
        let field = try #require(
            line.split(separator: " ").first { $0.hasPrefix("address=") }
        )
        address = String(field.dropFirst("address=".count))
        let adminLine = try await process.line { $0.contains(" open to operators ") }
        let adminField = try #require(
            adminLine.split(separator: " ").first { $0.hasPrefix("address=") }
        )
        adminAddress = String(adminField.dropFirst("address=".count))
        channel = Channel(target: address)
    }

    /// - Returns: the file's path.
    static func writeConfiguration(
        directory: String,
        bundle: String,
        endpoints: [String],
        settings: String,
        modelSettings: String = ""
    ) throws -> String {
        let list = endpoints.map { "\"\($0)\"" }.joined(separator: ", ")
        let file = "\(directory)/martlet-\(UUID().uuidString).yaml"
        try """
        \(settings)
        models:
          - { name: \(modelName), bundle: "\(bundle)", endpoints: [\(list)], \(modelSettings) }
        """.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }

    /// Stops it in good order.
    func stop() async {
        channel.close()
        process.terminate()
        _ = await process.exitStatus()
    }

    /// Waits until health says so.
    func modelIsServing(_ isServing: Bool = true) async throws {
        let watch = channel.call(
            "/grpc.health.v1.Health/Watch",
            metadata: [:],
            timeout: .seconds(120)
        )
        let request = Grpc_Health_V1_HealthCheckRequest.with { $0.service = Self.modelName }
        try await watch.send(try request.messageBytes())
        try await watch.finishSending()
        while let message = try await watch.next() {
            let status = try Grpc_Health_V1_HealthCheckResponse(parsing: message).status
            if (status == .serving) == isServing { return watch.cancel() }
        }
        Issue.record("the watch ended")
    }

    /// Opens a `Recognize` call.
    func recognize() -> Call {
        channel.call("/martlet.v1.Recognizer/Recognize", metadata: [:], timeout: .seconds(300))
    }

    /// Recognises a whole recording, sent in messages of a size.
    func recognize(
        _ audio: [UInt8],
        messageBytes: Int,
        _ change: (inout Martlet_V1_RecognitionConfig) -> Void = { _ in }
    ) async throws -> [Martlet_V1_RecognitionResult] {
        let config = Self.config(change)
        let call = recognize()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await call.send(try config.messageBytes())
                for start in stride(from: 0, to: audio.count, by: messageBytes) {
                    let part = audio[start..<min(start + messageBytes, audio.count)]
                    try await call.send(Self.audio(part))
                }
                try await call.finishSending()
            }
            var results: [Martlet_V1_RecognitionResult] = []
            while let message = try await call.next() {
                results += try Martlet_V1_RecognizeResponse(parsing: message).results
            }
            try await group.waitForAll()
            return results
        }
    }

    static func config(
        _ change: (inout Martlet_V1_RecognitionConfig) -> Void = { _ in }
    ) -> Martlet_V1_RecognizeRequest {
        .with {
            $0.config = .with {
                $0.encoding = .linear16
                $0.sampleRateHertz = 16000
                $0.enableTokenDetails = true
                $0.enableWordTimeOffsets = true
                change(&$0)
            }
        }
    }

    static func audio(_ bytes: some Sequence<UInt8>) throws -> MessageBytes {
        try Martlet_V1_RecognizeRequest.with { $0.audio = Data(bytes) }.messageBytes()
    }
}
