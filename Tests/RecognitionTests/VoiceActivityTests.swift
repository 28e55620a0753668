internal import Decoding
internal import Recognition
internal import TestBackend
internal import TestSupport
internal import Testing

/// Voice activity, and the chunks that are kept from the encoder for the lack of it.
@Suite(.timeLimit(.minutes(1))) struct VoiceActivityTests {
    /// Of a model that hears no words, sound alone makes speech: from its first 20 ms frame to its
    /// last, give or take the frames that it shares with the silence around it.
    @Test func soundIsFoundWhereItIs() async throws {
        try await SessionStage.with(bundle: .mute) { stage in
            let audio =
                Sounds.silence(seconds: 2) + Sounds.noise(seconds: 1, seed: 1)
                + Sounds.silence(seconds: 1.5) + Sounds.noise(seconds: 0.5, seed: 2)
                + Sounds.silence(seconds: 0.3) + Sounds.noise(seconds: 0.5, seed: 3)
            let events = try await stage.events(of: [audio[...]]) {
                $0.wantsVoiceActivityEvents = true
            }
            let found = events.compactMap(\.voiceActivity)
            #expect(found.map(\.kind) == [.speechBegin, .speechEnd, .speechBegin, .speechEnd])
            // The pause of 0.3 s is within the speech, and the end of the audio ends it.
            let expected: [Duration] = [
                .seconds(2), .seconds(3), .milliseconds(4_500), .milliseconds(5_800),
            ]
            for (event, time) in zip(found, expected) {
                #expect(event.time >= time - .milliseconds(20), "\(event)")
                #expect(event.time <= time + .milliseconds(20), "\(event)")
            }
            #expect(found.allSatisfy { $0.time <= .milliseconds(5_800) })
            // The last final comes after all else.
            #expect(events.last?.result?.isFinal == true)
        }
    }

    @Test func nobodyIsToldWhoDidNotAsk() async throws {
        try await SessionStage.with(bundle: .mute) { stage in
            let audio = Sounds.silence(seconds: 1) + Sounds.noise(seconds: 1, seed: 1)
            for skips in [false, true] {
                let events = try await stage.events(of: [audio[...]]) { $0.skipsSilence = skips }
                #expect(events.compactMap(\.voiceActivity).isEmpty)
            }
        }
    }

    /// Words begin speech too, and begins and ends take turns, in the order of time.
    @Test func beginsAndEndsTakeTurns() async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            for seed in UInt64(1)...5 {
                let audio = Sounds.speechAndSilence(seed: seed)
                let events = try await stage.events(of: [audio[...]]) {
                    $0.wantsVoiceActivityEvents = true
                    $0.endpointing = SegmentTests.rules
                }
                let found = events.compactMap(\.voiceActivity)
                #expect(!found.isEmpty && found.count.isMultiple(of: 2))
                for (index, event) in found.enumerated() {
                    #expect(event.kind == (index.isMultiple(of: 2) ? .speechBegin : .speechEnd))
                }
                #expect(zip(found, found.dropFirst()).allSatisfy { $0.time <= $1.time })
                // No word is told of before speech has begun.
                let begin = try #require(events.firstIndex { $0.voiceActivity != nil })
                let word = try #require(
                    events.firstIndex { $0.result?.alternatives[0].tokens.isEmpty == false }
                )
                #expect(begin < word)
            }
        }
    }

    /// Segments and voice activity know nothing of each other: greedy search emits the same tokens
    /// whether or not they become final on the way.
    @Test func segmentsLeaveNoTraceInVoiceActivity() async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            for seed in UInt64(1)...3 {
                let audio = Sounds.speechAndSilence(seed: seed)
                var found: [[VoiceActivityEvent]] = []
                for rules in [nil, SegmentTests.rules] {
                    found.append(
                        try await stage.events(of: [audio[...]]) {
                            $0.wantsVoiceActivityEvents = true
                            $0.endpointing = rules
                        }.compactMap(\.voiceActivity)
                    )
                }
                #expect(found[0] == found[1])
            }
        }
    }

    // MARK: Skipping silence

    /// A chunk is frames 4k to 4k + 4. After 1 s of silence, which is 25 chunks, one is skipped if it
    /// and the 20 frames after it are silent. Sound from 4 s on reaches frame 399, so that chunk 93
    /// is the last one skipped, and speech is not cut.
    @Test func longSilenceIsNotEncoded() async throws {
        try await SessionStage.with(bundle: .mute) { stage in
            let session = try stage.makeSession { $0.skipsSilence = true }
            let audio = Sounds.silence(seconds: 4) + Sounds.noise(seconds: 1, seed: 4)
            try await session.append(audio) { _ in }
            #expect(session.skippedChunkCount == 69)
            let chunks = TinyModel.chunkCount(ofSamples: 80_000)
            #expect(stage.double.inferences.count == chunks - 69)
            try await session.finish { _ in }
            #expect(session.skippedChunkCount == 69)
        }
    }

    /// Silence at the end of the audio has nothing after it that must be silent as well.
    @Test func silenceAtTheEndIsSkippedToo() async throws {
        try await SessionStage.with(bundle: .mute) { stage in
            let session = try stage.makeSession { $0.skipsSilence = true }
            try await session.append(Sounds.silence(seconds: 4)) { _ in }
            let before = session.skippedChunkCount
            var last: RecognitionResult?
            try await session.finish { last = $0.result }
            // 4 s and the padding of 0.1 s: 102 chunks.
            #expect(session.skippedChunkCount == 102 - 25)
            #expect(before == 102 - 25 - 8)
            #expect(last?.endTime == .seconds(4))
        }
    }

    /// Endpoints come where they come without skipping, and times go on.
    @Test func skippedSilenceIsTimeAllTheSame() async throws {
        try await SessionStage.with(bundle: .mute) { stage in
            let audio = Sounds.speechAndSilence(seed: 9) + Sounds.silence(seconds: 4)
            let events = try await stage.events(of: [audio[...]]) {
                $0.wantsVoiceActivityEvents = true
            }
            let skipping = try await stage.events(of: [audio[...]]) {
                $0.wantsVoiceActivityEvents = true
                $0.skipsSilence = true
            }
            #expect(skipping == events)
            #expect(events.count > 4)

            for skips in [false, true] {
                let session = try stage.makeSession { $0.skipsSilence = skips }
                var event: RecognitionEvent?
                let audio = Sounds.silence(seconds: 4) + Sounds.noise(seconds: 1, seed: 5)
                try await session.append(audio) { _ in }
                try await session.update(phrases: nil) { event = $0 }
                #expect((session.skippedChunkCount > 0) == skips)
                #expect(event == .phrasesChanged(from: .milliseconds(124 * 40)))
            }
        }
    }
}
