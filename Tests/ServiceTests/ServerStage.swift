internal import Decoding
internal import Fleet
internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import Recognition
internal import Service
internal import SwiftProtobuf
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

/// A server of two models, "tiny" and "other", each over a double of its own; a channel to it, and
/// the clock that times its streams.
struct ServerStage: Sendable {
    let tiny: TinyModel
    /// The doubles of "tiny" and "other".
    let doubles: [TritonDouble]
    let models: [SpeechModel]
    let server: SpeechServer
    let channel: Channel
    let clock: ManualClock
    /// Of the fleets: a chunk for which there is no endpoint waits until it has moved.
    let fleetClock: ManualClock

    /// Longer than any call here takes: a call that hangs fails its test.
    static let callTimeout = Duration.seconds(40)
    private static let patience = Duration.seconds(100)

    /// Runs `body`, in which the patience of the models' fleets ends whenever a chunk waits.
    func withoutPatience(_ body: () async throws -> Void) async rethrows {
        let moving = Task {
            // Each fleet waits for its next check, an hour away.
            while !Task.isCancelled {
                await fleetClock.sleepersArrived(models.count + 1)
                if !Task.isCancelled { fleetClock.advance(by: Self.patience) }
            }
        }
        defer { moving.cancel() }
        try await body()
    }

    static func with(
        _ adjust: (inout SpeechServer.Configuration) -> Void = { _ in },
        _ body: (ServerStage) async throws -> Void
    ) async throws {
        let tiny = try TinyModel()
        let doubles = [try TritonDouble(), try TritonDouble()]
        var fleetConfiguration = Fleet.Configuration()
        // Tests have the fleet probe its endpoints when they want it to.
        fleetConfiguration.probeInterval = .seconds(3_600)
        fleetConfiguration.probeTimeout = .seconds(20)
        fleetConfiguration.inferTimeout = .seconds(20)
        fleetConfiguration.patience = patience
        let fleetClock = ManualClock()
        let models = try zip(["tiny", "other"], doubles).map { name, double in
            try SpeechModel(
                name: name,
                bundle: tiny.bundle,
                endpoints: [double.address],
                fleetConfiguration: fleetConfiguration,
                fleetClock: fleetClock,
                logger: silentLogger
            )
        }
        for model in models { try await model.fleet.check() }
        let clock = ManualClock()
        var configuration = SpeechServer.Configuration()
        configuration.transport.listenAddress = "127.0.0.1:0"
        adjust(&configuration)
        let server = try SpeechServer(
            models: models,
            configuration: configuration,
            clock: clock,
            logger: silentLogger
        )
        let running = Task { await server.run() }
        let channel = Channel(target: "127.0.0.1:\(server.port)")
        let stage = ServerStage(
            tiny: tiny,
            doubles: doubles,
            models: models,
            server: server,
            channel: channel,
            clock: clock,
            fleetClock: fleetClock
        )
        let outcome: Result<Void, any Error>
        do {
            try await body(stage)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        channel.close()
        await server.shutdown(gracePeriod: .zero)
        running.cancel()
        await running.value
        for double in doubles { await double.close() }
        try outcome.get()
    }

    /// Opens a `Recognize` call.
    func recognize() -> Call {
        channel.call(
            "/martlet.v1.Recognizer/Recognize",
            metadata: [:],
            timeout: Self.callTimeout
        )
    }

    /// Opens one and goes so far that the server has a result for it.
    /// - Parameter audio: What is sent of its audio; long enough for a result.
    func openStream(_ audio: some Sequence<UInt8>) async throws -> Call {
        let call = recognize()
        try await call.send(try Self.config { $0.interimResults = true })
        try await call.send(try Self.audio(audio))
        _ = try await call.next()
        return call
    }

    /// The results of a whole recording, sent in messages of a size.
    func recognize(
        _ audio: [UInt8],
        messageBytes: Int = 3_200,
        _ change: (inout Martlet_V1_RecognitionConfig) -> Void = { _ in }
    ) async throws -> [Martlet_V1_RecognitionResult] {
        let call = recognize()
        let config = try Self.config(change)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await call.send(config)
                for start in stride(from: 0, to: audio.count, by: messageBytes) {
                    let end = min(start + messageBytes, audio.count)
                    try await call.send(try Self.audio(audio[start..<end]))
                }
                try await call.finishSending()
            }
            let results = try await Self.results(of: call)
            try await group.waitForAll()
            return results
        }
    }

    /// What a call still has to give.
    static func results(of call: Call) async throws -> [Martlet_V1_RecognitionResult] {
        var results: [Martlet_V1_RecognitionResult] = []
        while let message = try await call.next() {
            results += try Martlet_V1_RecognizeResponse(parsing: message).results
        }
        return results
    }

    /// A config that is right but for `change`.
    static func config(
        _ change: (inout Martlet_V1_RecognitionConfig) -> Void = { _ in }
    ) throws -> MessageBytes {
        try Martlet_V1_RecognizeRequest.with {
            $0.config = .with {
                $0.encoding = .linear16
                $0.sampleRateHertz = 16_000
                $0.enableTokenDetails = true
                // The tiny model hears words in noise: one segment, unless a test is about them.
                $0.endpointing.disabled = true
                change(&$0)
            }
        }.messageBytes()
    }

    static func audio(_ bytes: some Sequence<UInt8>) throws -> MessageBytes {
        try Martlet_V1_RecognizeRequest.with { $0.audio = Data(bytes) }.messageBytes()
    }

    /// Says whether a result is the final one of this audio, as the model alone would have it.
    func isFinal(_ result: Martlet_V1_RecognitionResult?, of audio: [UInt8]) throws -> Bool {
        let expected = try tiny.transcript(of: audio)
        guard let result, let found = result.alternatives.first else { return false }
        return result.isFinal && found.transcript == expected.text
            && found.tokens.map(\.piece) == expected.tokens.map(\.piece)
            && found.tokens.map(\.logProb) == expected.tokens.map(\.logProbability)
    }
}
