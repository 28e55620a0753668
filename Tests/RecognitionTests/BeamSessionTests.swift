internal import Decoding
internal import Kernels
internal import ModelBundle
internal import Recognition
internal import TestBackend
internal import TestSupport
internal import Testing

/// Streams that are searched by beams.
@Suite(.timeLimit(.minutes(1))) struct BeamSessionTests {
    static let beams = [
        SearchOptions(method: .modifiedBeam, beamSize: 4),
        SearchOptions(method: .beam, beamSize: 4),
        SearchOptions(method: .modifiedBeam, beamSize: TransducerConfiguration.maximumBeamSize),
        SearchOptions(method: .beam, beamSize: TransducerConfiguration.maximumBeamSize),
    ]

    private func results(
        _ stage: SessionStage,
        _ pieces: [ArraySlice<UInt8>],
        _ search: SearchOptions
    ) async throws -> [RecognitionResult] {
        try await stage.events(of: pieces) {
            $0.search = search
            $0.endpointing = SegmentTests.rules
            $0.maximumAlternatives = 5
        }.compactMap(\.result)
    }

    /// What is final stays: interim results and finals tell of what came after it, in the order of
    /// time, and the alternatives are different texts, the best one first.
    @Test(arguments: beams)
    func finalsAreNotContradicted(_ search: SearchOptions) async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            let audio = TinyModel.audio(sampleCount: 120_000, seed: 41)
            let results = try await results(stage, [audio[...]], search)
            #expect(results.count { $0.isFinal } > 5)
            #expect(results.contains { $0.alternatives.count > 1 })
            var lastTime = Duration.zero
            for result in results {
                #expect(result.alternatives.count <= 5)
                #expect(Set(result.alternatives.map(\.text)).count == result.alternatives.count)
                #expect((0...1).contains(result.stability))
                let tokens = result.alternatives[0].tokens
                #expect(tokens.allSatisfy { $0.time >= lastTime })
                if result.isFinal { lastTime = tokens.last?.time ?? lastTime }
            }
        }
    }

    @Test(arguments: beams)
    func cutsLeaveNoTrace(_ search: SearchOptions) async throws {
        var random = SplitMix64.announced()
        try await SessionStage.with(bundle: .reticent) { stage in
            let audio = TinyModel.audio(sampleCount: 48_000, seed: random.next())
            let whole = try await results(stage, [audio[...]], search)
            for longest in [1_000, 20_000] {
                let pieces = Sounds.pieces(of: audio, upTo: longest, using: &random)
                #expect(try await results(stage, pieces, search) == whole)
            }
        }
    }

    /// More rows at a time than a batch holds wait for the next round, and change nothing.
    @Test func manyWideBeamsAtOnceGiveWhatEachGivesAlone() async throws {
        try await SessionStage.with(bundle: .reticent) { stage in
            func all(_ seed: UInt64) async throws -> [RecognitionResult] {
                let audio = TinyModel.audio(sampleCount: 8_000, seed: seed)
                return try await results(stage, [audio[...]], Self.beams[2])
            }
            var alone: [[RecognitionResult]] = []
            for seed in UInt64(0)..<32 { alone.append(try await all(seed)) }
            try await withThrowingTaskGroup(of: (Int, [RecognitionResult]).self) { group in
                for seed in 0..<32 {
                    group.addTask { (seed, try await all(UInt64(seed))) }
                }
                for try await (seed, results) in group { #expect(results == alone[seed]) }
            }
        }
    }

    /// No request can ask for more rows than are scored at a time.
    @Test func theWidestBeamFitsABatch() async throws {
        try await SessionStage.with { stage in
            for method in SearchMethod.ofTransducers {
                let search = try stage.tiny.bundle.makeSearch(
                    SearchOptions(
                        method: method,
                        beamSize: TransducerConfiguration.maximumBeamSize
                    )
                )
                #expect(
                    search.maximumRequestCount <= TransducerScorer.defaultMaximumRowCount
                )
            }
        }
    }

    @Test(arguments: [
        SearchOptions(method: .modifiedBeam, beamSize: 0),
        SearchOptions(method: .modifiedBeam, beamSize: 10_000),
        SearchOptions(method: .prefixBeam),
        SearchOptions(method: .greedy, blankPenalty: .nan),
        SearchOptions(method: .beam, temperature: 0),
    ])
    func whatTheModelCannotDoIsRefusedBeforeTheStreamBegins(_ search: SearchOptions) async throws {
        try await SessionStage.with { stage in
            #expect {
                try stage.makeSession { $0.search = search }
            } throws: { error in
                let error = error as? RecognitionError
                return error?.code == .invalidConfig && error?.field == "config.decoding"
                    && error?.origin == .client
            }
            #expect {
                try stage.makeSession {
                    $0.endpointing = EndpointRules()
                    $0.endpointing?.silence?.minimumTrailingSilence = .seconds(61)
                }
            } throws: { error in
                let error = error as? RecognitionError
                return error?.code == .invalidConfig && error?.field == "config.endpointing"
            }
        }
    }
}
