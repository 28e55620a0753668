internal import Decoding
internal import Recognition
internal import TestBackend
internal import TestSupport
internal import Testing

/// Segments: what endpoints make final, and that nothing is lost or told twice between them.
@Suite(.timeLimit(.minutes(10))) struct SegmentTests {
    /// Short, for a model that hears words in noise.
    static let rules = EndpointRules(
        silence: EndpointRule(
            mustContainNonsilence: false,
            minimumTrailingSilence: .milliseconds(240),
            minimumUtteranceLength: .zero
        ),
        silenceAfterSpeech: EndpointRule(
            mustContainNonsilence: true,
            minimumTrailingSilence: .milliseconds(120),
            minimumUtteranceLength: .zero
        ),
        length: EndpointRule(
            mustContainNonsilence: false,
            minimumTrailingSilence: .zero,
            minimumUtteranceLength: .seconds(1)
        )
    )

    static let rulesAlone: [EndpointRules] = [
        rules,
        EndpointRules(silence: rules.silence, silenceAfterSpeech: nil, length: nil),
        EndpointRules(silence: nil, silenceAfterSpeech: rules.silenceAfterSpeech, length: nil),
        EndpointRules(silence: nil, silenceAfterSpeech: nil, length: rules.length),
    ]

    /// Greedy: the finals' tokens are those of the unsegmented decode, times and all; their texts
    /// joined by spaces are its text, but for pieces that go on with a word after silence.
    @Test(arguments: rulesAlone)
    func finalsJoinedAreTheUnsegmentedDecode(_ rules: EndpointRules) async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            for seed in UInt64(1)...4 {
                let audio = TinyModel.audio(sampleCount: 160_000, seed: seed)
                let whole = try stage.tiny.transcript(of: audio)
                let events = try await stage.events(of: [audio[...]], interimResults: false) {
                    $0.endpointing = rules
                }
                let finals = events.compactMap(\.result)
                #expect(finals.count > 3, "segments")
                #expect(finals.allSatisfy { $0.isFinal })
                let tokens = finals.flatMap { $0.alternatives[0].tokens }
                #expect(tokens == whole.tokens)
                // An earlier final without words is not sent; the last may have none.
                #expect(finals.dropLast().allSatisfy { !$0.alternatives[0].words.isEmpty })
                var text = ""
                for final in finals where !final.alternatives[0].tokens.isEmpty {
                    let begins = final.alternatives[0].tokens[0].piece.hasPrefix(" ")
                    text += (text.isEmpty || !begins ? "" : " ") + final.alternatives[0].text
                }
                #expect(text == whole.text)
            }
        }
    }

    /// After a cut for length, every final begins a word, and so the texts join by spaces.
    @Test func aCutForLengthIsBetweenWords() async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            let audio = TinyModel.audio(sampleCount: 320_000, seed: 9)
            let whole = try stage.tiny.transcript(of: audio)
            let finals = try await stage.events(of: [audio[...]]) {
                $0.endpointing = Self.rulesAlone[3]
            }.compactMap(\.result).filter(\.isFinal)
            #expect(finals.count > 10)
            #expect(finals.map { $0.alternatives[0].text }.joined(separator: " ") == whole.text)
            #expect(finals.flatMap { $0.alternatives[0].words } == whole.words)
        }
    }

    /// Each final comes where sherpa-onnx's rules, worked out from the unsegmented decode's frames,
    /// end its segment.
    @Test(arguments: [0, 2, 3])
    func finalsComeWhereTheRulesSay(_ index: Int) async throws {
        let rules = Self.rulesAlone[index]
        try await SessionStage.with(bundle: .reticent) { stage in
            let audio = TinyModel.audio(sampleCount: 160_000, seed: 12)
            let transcripts = try stage.tiny.transcripts(of: audio)
            let frames = transcripts.last?.tokens.map { Int($0.time / .milliseconds(20)) } ?? []
            var expected: [Duration] = []
            var (start, committed) = (0, 0)
            for (chunk, transcript) in transcripts.enumerated() {
                let end = 2 * (chunk + 1)
                let count = transcript.tokens.count
                let open = frames[committed..<count]
                let silence = end - max(start, (open.last ?? -1) + 1)
                let isSilent =
                    index != 3 && silence > 5 && silence < end - start
                    || index == 0 && silence > 11
                if isSilent {
                    if count > committed { expected.append(.milliseconds(20 * end)) }
                    (start, committed) = (end, count)
                } else if index != 2, end - start >= 50,
                    let cut = open.indices.last(where: {
                        transcript.tokens[$0].piece.hasPrefix(" ")
                    }),
                    cut > committed
                {
                    expected.append(.milliseconds(20 * frames[cut]))
                    (start, committed) = (frames[cut], cut)
                }
            }
            let finals = try await stage.events(of: [audio[...]]) { $0.endpointing = rules }
                .compactMap(\.result).filter(\.isFinal)
            #expect(expected.count > 5)
            #expect(finals.dropLast().map(\.endTime) == expected)
        }
    }

    /// Interim results are of the open segment, follow the final that came before them, and are
    /// only sent when they are new.
    @Test func interimResultsAreOfTheOpenSegment() async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            let audio = TinyModel.audio(sampleCount: 160_000, seed: 14)
            let whole = try stage.tiny.transcript(of: audio)
            let results = try await stage.events(of: [audio[...]]) {
                $0.endpointing = Self.rules
            }.compactMap(\.result)
            #expect(results.count { !$0.isFinal } > 50)
            var committed = 0
            var previous: [Transcript.Token] = []
            for result in results {
                let tokens = result.alternatives[0].tokens
                #expect(Array(whole.tokens[committed..<committed + tokens.count]) == tokens)
                #expect(result.audioProcessed <= .seconds(10))
                #expect(result.endTime <= result.audioProcessed)
                if result.isFinal {
                    committed += tokens.count
                    previous = []
                } else {
                    #expect(tokens != previous)
                    previous = tokens
                }
            }
            #expect(committed == whole.tokens.count)
        }
    }

    @Test func cutsLeaveNoTraceInEvents() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("SegmentTests.cutsLeaveNoTraceInEvents seed \(seed)")
        var random = SplitMix64(seed: seed)
        try await SessionStage.with(bundle: .reticent) { stage in
            let audio = Sounds.speechAndSilence(seed: random.next())
            func all(_ pieces: [ArraySlice<UInt8>]) async throws -> [RecognitionEvent] {
                try await stage.events(of: pieces) {
                    $0.endpointing = Self.rules
                    $0.wantsVoiceActivityEvents = true
                    $0.skipsSilence = true
                }
            }
            let whole = try await all([audio[...]])
            #expect(whole.contains { $0.voiceActivity != nil })
            for longest in [300, 3_000, 50_000] {
                let pieces = Sounds.pieces(of: audio, upTo: longest, using: &random)
                #expect(try await all(pieces) == whole, "seed \(seed), up to \(longest) bytes")
            }
        }
    }

    /// The last final comes whatever came before it.
    @Test func aLastFinalAlwaysComes() async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            for sampleCount in [0, 900, 16_000] {
                let events = try await stage.events(
                    of: [TinyModel.audio(sampleCount: sampleCount, seed: 3)[...]]
                ) { $0.endpointing = Self.rules }
                let last = try #require(events.last?.result)
                #expect(last.isFinal)
                #expect(last.endTime == .nanoseconds(sampleCount * 62_500))
            }
        }
    }

    /// An hour of audio leaves no more behind than a minute.
    @Test func anHourIsHeldInTheMemoryOfAMinute() async throws {
        try await SessionStage.with { stage in
            let minute = TinyModel.audio(sampleCount: 960_000, seed: 15)
            let session = try stage.makeSession(interimResults: false) {
                $0.endpointing = EndpointRules()
                $0.wantsVoiceActivityEvents = true
            }
            var (mostTokens, mostFrames, finals) = (0, 0, 0)
            var lastTime = Duration.zero
            for _ in 0..<60 {
                for start in stride(from: 0, to: minute.count, by: 32_000) {
                    try await session.append(Array(minute[start..<start + 32_000])) { event in
                        guard let result = event.result else { return }
                        finals += 1
                        #expect(result.endTime > lastTime)
                        lastTime = result.endTime
                    }
                    mostTokens = max(mostTokens, session.openTokenCount)
                    mostFrames = max(mostFrames, session.heldFrameCount)
                }
            }
            try await session.finish { _ in }
            #expect(session.receivedDuration == .seconds(3600))
            // 20 s of 20 ms frames, and the word and the second of audio that may wait for more.
            #expect((10...1_100).contains(mostTokens), "\(mostTokens)")
            #expect(mostFrames <= 9, "\(mostFrames)")
            #expect(finals >= 180, "\(finals)")
            #expect(lastTime > .seconds(3_570))
        }
    }
}
