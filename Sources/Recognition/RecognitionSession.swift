internal import AudioFrontend
public import Decoding
internal import Fleet
internal import ModelBundle

/// One stream from its first sample to its last result: frontend, encoder, search, segments.
///
/// Works on one thing at a time and belongs to one task. Audio goes in by ``append(_:_:)``; as soon
/// as it holds a chunk, the chunk is encoded, decoded and told of, before more audio is taken:
///
///     chunk --encoded, or skipped as silence--> frames --searched--> hypotheses
///         --> voice activity --> the segment's final result, at an endpoint --> interim result
///
/// A final result is never contradicted: its tokens are committed, so that the search keeps only
/// hypotheses that go on from them. Neither encoder nor search begins anew, and times count from the
/// stream's beginning. A stream may be of any length: what it holds is bounded by its open segment.
public final class RecognitionSession {
    /// What is done with an event. While it is done, the session stands still.
    public typealias Deliver = (RecognitionEvent) async throws -> Void

    let model: SpeechModel
    let settings: RecognitionSettings
    let encoder: EncoderDescription
    let frontend: AudioFrontend
    let detokenizer: Detokenizer
    /// Nil only while the scheduler has it, so that it is never copied.
    var search: (any Search)?
    /// Nil when there is one segment, which the end of the audio ends.
    var endpointer: Endpointer?
    /// Nil when nobody asks for it.
    var voiceActivity: VoiceActivityTracker?
    /// Chunks of silence that were not encoded.
    public internal(set) var skippedChunkCount = 0
    /// The next chunk's number.
    private(set) var chunkCount = 0

    private let encoding: any EncoderStream
    /// What the last result told of the open segment; an array of its own, so that the search's
    /// is not copied when it grows.
    var deliveredTokens: [Hypothesis.Token] = []

    /// - Throws: ``RecognitionError`` with code `modelUnavailable` when no endpoint is ready, or
    ///   `invalidConfig` with the field: `config.decoding` when the model cannot be searched as
    ///   asked, `config.endpointing` for endpoint rules that cannot be followed.
    public init(
        model: SpeechModel,
        settings: RecognitionSettings
    ) throws(RecognitionError) {
        guard model.fleet.isAvailable else {
            throw .modelUnavailable(model.name, model.fleet.complaints)
        }
        self.model = model
        self.settings = settings
        encoder = model.bundle.description.encoder
        do {
            frontend = try AudioFrontend(
                sampleRateHertz: settings.sampleRateHertz,
                filterbank: model.bundle.filterbankConfiguration
            )
        } catch {
            throw RecognitionError(.invalidConfig, "\(error)", origin: .proxy)
        }
        search = try model.makeSearch(settings)
        detokenizer = model.makeDetokenizer(settings)
        if let rules = settings.endpointing { endpointer = try Self.endpointer(rules, encoder) }
        if settings.wantsVoiceActivityEvents || settings.skipsSilence {
            voiceActivity = VoiceActivityTracker(encoder: encoder)
        }
        do {
            encoding = try model.fleet.openStream()
        } catch {
            throw RecognitionError(error, model: model.name)
        }
    }

    deinit {
        // However the stream ended: what it holds on a server is given up.
        encoding.end()
    }

    private static func endpointer(
        _ rules: EndpointRules,
        _ encoder: EncoderDescription
    ) throws(RecognitionError) -> Endpointer {
        do {
            return try Endpointer(rules: rules, frameDuration: encoder.outputFrameDuration)
        } catch {
            throw RecognitionError(
                .invalidConfig,
                error.description,
                field: "config.endpointing"
            )
        }
    }

    /// Audio received so far.
    public var receivedDuration: Duration { frontend.receivedDuration }

    /// Whether any audio was received.
    public var hasAudio: Bool { receivedDuration > .zero }

    /// Tokens that are not final yet: what a stream holds of what was said.
    package var openTokenCount: Int { search?.best.tokens.count ?? 0 }

    /// Feature frames held.
    package var heldFrameCount: Int { frontend.frameCount - frontend.firstFrame }

    /// Takes audio in, cut anywhere, and delivers, for each chunk, what it brought: voice activity,
    /// a final result where a segment ends, and an interim result, where they are wanted, when the
    /// open segment has changed.
    ///
    /// - Throws: ``RecognitionError``, and whatever `deliver` throws.
    public func append(_ audio: [UInt8], _ deliver: Deliver) async throws {
        try take(audio)
        try await recognizeChunks(deliver)
    }

    /// Favours other phrases from the next frame on that has not been searched, and delivers from
    /// what time on that is: audio that does not fill a chunk yet is searched with the new phrases.
    ///
    /// - Throws: whatever `deliver` throws.
    public func update(phrases: PhraseGraph?, _ deliver: Deliver) async throws {
        guard search != nil else { return }
        search?.setPhrases(phrases)
        try await deliver(.phrasesChanged(from: encoder.outputFrameDuration * frameCount))
    }

    /// Ends a stream that has brought no whole sample.
    ///
    /// - Throws: ``RecognitionError`` when what did come is half a sample, or a WAV header that
    ///   breaks off.
    public func finishWithoutAudio() throws(RecognitionError) {
        do {
            try frontend.finish()
        } catch {
            throw RecognitionError(.invalidAudio, error.description)
        }
    }

    /// Ends the audio and delivers what is left: the finals of segments that the last frames end,
    /// the end of speech under way, and the last final result, for the open segment. That one
    /// always comes, with an empty transcript if nothing was said since the final before it.
    ///
    /// - Throws: ``RecognitionError``, and whatever `deliver` throws. When the audio ended within a
    ///   sample, only after the final result has been delivered.
    public func finish(_ deliver: Deliver) async throws {
        var problem: AudioError?
        do {
            try frontend.finish()
        } catch {
            // What came whole is recognised, and what is wrong at the end told of after that.
            problem = error
        }
        try await recognizeChunks(isEnding: true, deliver)
        search?.finish()
        if let event = voiceActivity?.finish(at: receivedDuration),
            settings.wantsVoiceActivityEvents
        {
            try await deliver(.voiceActivity(event))
        }
        try await deliver(.result(lastResult()))
        if let problem { throw RecognitionError(.invalidAudio, problem.description) }
    }

    private func take(_ audio: [UInt8]) throws(RecognitionError) {
        do {
            try frontend.append(audio)
        } catch {
            throw RecognitionError(.invalidAudio, error.description)
        }
    }

    /// Recognises every chunk whose frames are there.
    private func recognizeChunks(isEnding: Bool = false, _ deliver: Deliver) async throws {
        while true {
            let frames = nextChunk
            let needed = frames.upperBound + (isEnding ? 0 : lookAheadFrameCount)
            guard frontend.frameCount >= needed else { return }
            voiceActivity?.measure(chunkAt: frames.lowerBound, in: frontend)
            try await recognizeChunk(frames)
            // Asked for once: a beam puts it together.
            guard var best = search?.best else { return }
            let events = voiceActivity?.advance(over: best.tokens, upTo: receivedDuration) ?? []
            if settings.wantsVoiceActivityEvents {
                for event in events { try await deliver(.voiceActivity(event)) }
            }
            let audioProcessed = audioProcessed(upToFrame: needed)
            if let result = endSegment(&best, audioProcessed) { try await deliver(.result(result)) }
            if settings.wantsInterimResults, !isEnding,
                let result = interimResult(best, audioProcessed)
            {
                try await deliver(.result(result))
            }
        }
    }

    /// The feature frames of the next chunk, counted from the stream's beginning.
    private var nextChunk: Range<Int> {
        let first = chunkCount * encoder.chunkShiftFrames
        return first..<first + encoder.chunkFrames
    }

    /// Takes the chunk to the search, by the encoder or around it.
    private func recognizeChunk(_ frames: Range<Int>) async throws(RecognitionError) {
        if canSkip(frames) {
            search?.skip(frameCount: encoder.outputFrames)
            skippedChunkCount += 1
            goToNextChunk()
        } else {
            let output = try await encode(frames)
            goToNextChunk()
            try await decode(output)
        }
    }

    private func encode(_ frames: Range<Int>) async throws(RecognitionError) -> EncoderOutput {
        // `[chunk frames, bins]`. Not kept: most streams of many wait for audio most of the time.
        let count = encoder.features.elementCountPerStream
        let chunk = [Float](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            frontend.copyFrames(frames, to: buffer)
            initializedCount = count
        }
        do {
            return try await encoding.encode(chunk)
        } catch {
            throw RecognitionError(error, model: model.name)
        }
    }

    private func decode(_ output: EncoderOutput) async throws(RecognitionError) {
        do {
            guard let handedOver = search.take() else { return }
            search = try await model.scheduler.decode(handedOver, output)
        } catch {
            throw RecognitionError(
                .modelFailed,
                "model \"\(model.name)\": \(error)",
                origin: .backend
            )
        }
    }

    private func goToNextChunk() {
        chunkCount += 1
        frontend.discardFrames(before: nextChunk.lowerBound)
    }

    /// How much audio the frames before `frame` need; no more than there was, where they reach into
    /// the padding at its end.
    private func audioProcessed(upToFrame frame: Int) -> Duration {
        let rate = frontend.filterbank.sampleRateHertz
        let samples = frontend.filterbank.lastSample(ofFrame: frame - 1) + 1
        let (seconds, rest) = samples.quotientAndRemainder(dividingBy: rate)
        return min(
            .seconds(seconds) + .nanoseconds(rest * 1_000_000_000 / rate),
            receivedDuration
        )
    }
}
