internal import Decoding
internal import Fleet
internal import Recognition
internal import TestBackend
internal import TestSupport
internal import Testing

/// Doubles of Triton and a model over them.
struct SessionStage: Sendable {
    let tiny: TinyModel
    let doubles: [TritonDouble]
    let model: SpeechModel
    /// Spaces the fleet's checks; a chunk for which there is no endpoint waits until it has moved.
    let fleetClock: ManualClock

    static func with(
        _ count: Int = 1,
        bundle: TinyBundle = TinyBundle(),
        inferTimeout: Duration = .seconds(20),
        checks: Bool = true,
        _ body: (SessionStage) async throws -> Void
    ) async throws {
        let tiny = try TinyModel(bundle)
        let doubles = try (0..<count).map { _ in try TritonDouble() }
        var configuration = Fleet.Configuration()
        configuration.inferTimeout = inferTimeout
        configuration.probeTimeout = .seconds(20)
        configuration.patience = .seconds(40)
        let fleetClock = ManualClock()
        let model = try SpeechModel(
            name: "tiny",
            bundle: tiny.bundle,
            endpoints: doubles.map(\.address),
            fleetConfiguration: configuration,
            fleetClock: fleetClock,
            logger: silentLogger
        )
        let outcome: Result<Void, any Error>
        do {
            if checks { try await model.fleet.check() }
            try await body(
                SessionStage(tiny: tiny, doubles: doubles, model: model, fleetClock: fleetClock)
            )
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        model.fleet.close()
        for double in doubles { await double.close() }
        try outcome.get()
    }

    var double: TritonDouble { doubles[0] }

    /// Runs `body`, in which the fleet's patience ends whenever a chunk waits.
    func withoutPatience(_ body: () async throws -> Void) async rethrows {
        let moving = Task {
            while !Task.isCancelled {
                await fleetClock.sleeperArrived()
                if !Task.isCancelled { fleetClock.advance(by: .seconds(40)) }
            }
        }
        defer { moving.cancel() }
        try await body()
    }

    func makeSession(
        sampleRateHertz: Int = 16_000,
        interimResults: Bool = true,
        _ change: (inout RecognitionSettings) -> Void = { _ in }
    ) throws -> RecognitionSession {
        var settings = RecognitionSettings(
            sampleRateHertz: sampleRateHertz,
            wantsInterimResults: interimResults,
            wantsWordTimes: true,
            wantsWordConfidence: true,
            wantsTokens: true
        )
        change(&settings)
        return try RecognitionSession(model: model, settings: settings)
    }

    /// All that is told of audio that comes in these pieces.
    func events(
        of pieces: [ArraySlice<UInt8>],
        sampleRateHertz: Int = 16_000,
        interimResults: Bool = true,
        _ change: (inout RecognitionSettings) -> Void = { _ in }
    ) async throws -> [RecognitionEvent] {
        let session = try makeSession(
            sampleRateHertz: sampleRateHertz,
            interimResults: interimResults,
            change
        )
        var events: [RecognitionEvent] = []
        for piece in pieces {
            try await session.append(Array(piece)) { events.append($0) }
        }
        try await session.finish { events.append($0) }
        return events
    }

    /// All results of audio that comes in these pieces.
    func results(
        of pieces: [ArraySlice<UInt8>],
        sampleRateHertz: Int = 16_000,
        interimResults: Bool = true
    ) async throws -> [RecognitionResult] {
        try await events(
            of: pieces,
            sampleRateHertz: sampleRateHertz,
            interimResults: interimResults
        ).compactMap(\.result)
    }

    /// The results that audio at the model's rate must have, by the model alone: one for each chunk
    /// that the audio itself completes and that brought a token, and the final one.
    func expectedResults(of audio: [UInt8]) throws -> [RecognitionResult] {
        let transcripts = try tiny.transcripts(of: audio)
        let samples = audio.count / 2
        var results: [RecognitionResult] = []
        var tokenCount = 0
        for (index, transcript) in transcripts.enumerated() {
            let needed = TinyModel.firstChunkSamples + index * TinyModel.chunkShiftSamples
            guard needed <= samples else { break }
            guard transcript.tokens.count != tokenCount else { continue }
            tokenCount = transcript.tokens.count
            results.append(
                RecognitionResult(
                    alternatives: [transcript],
                    isFinal: false,
                    // Greedy search settles all words but the last.
                    stability: Float(max(transcript.words.count - 1, 0))
                        / Float(max(transcript.words.count, 1)),
                    endTime: .milliseconds(40 * (index + 1)),
                    audioProcessed: .nanoseconds(needed * 62_500)
                )
            )
        }
        let received = Duration.nanoseconds(samples * 62_500)
        results.append(
            RecognitionResult(
                alternatives: [try #require(transcripts.last)],
                isFinal: true,
                stability: 0,
                endTime: received,
                audioProcessed: received
            )
        )
        return results
    }
}

extension RecognitionEvent {
    /// Nil for what is not a result.
    var result: RecognitionResult? {
        if case .result(let result) = self { result } else { nil }
    }

    var voiceActivity: VoiceActivityEvent? {
        if case .voiceActivity(let event) = self { event } else { nil }
    }
}

extension [RecognitionResult] {
    mutating func append(_ event: RecognitionEvent) {
        if let result = event.result { append(result) }
    }
}
