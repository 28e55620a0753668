internal import AudioFrontend
internal import GRPCTransport
internal import ModelBundle
internal import StubEncoder
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

struct EncoderRecorderTests {
    /// The features of each chunk that a session would have encoded.
    private func chunks(_ audio: [UInt8], _ rate: Int, _ bundle: ModelBundle) throws -> [[Float]] {
        let frontend = try AudioFrontend(
            sampleRateHertz: rate,
            filterbank: bundle.filterbankConfiguration
        )
        try audio.withUnsafeBytes { try frontend.append($0) }
        try frontend.finish()
        return stride(from: 0, through: frontend.frameCount - 5, by: 4).map { first in
            var features = [Float](repeating: 0, count: TinyEncoder.featureCount)
            features.withUnsafeMutableBufferPointer {
                frontend.copyFrames(first..<first + 5, to: $0)
            }
            return features
        }
    }

    @Test
    func recordsWhatTheEncoderAnswers() async throws {
        var random = SplitMix64.announced()
        let stage = try StubStage()
        let triton = try TritonDouble()
        var recorder = try await EncoderRecorder(
            encoder: stage.encoder,
            filterbank: stage.bundle.filterbankConfiguration,
            address: triton.address
        )
        for rate in [16_000, 8_000] {
            let audio = (0..<rate).map { _ in UInt8.random(in: 0...255, using: &random) }
            try await recorder.record(audio: audio, sampleRateHertz: rate)
            var encoder = TinyEncoder()
            var chain = ChainHash.start
            let chunks = try chunks(audio, rate, stage.bundle)
            #expect(chunks.count == 14)
            for chunk in chunks {
                chain = chain.followed(by: ChunkDigest(MessageBytes(elements: chunk)))
                let output = MessageBytes(elements: encoder.encode(chunk))
                #expect(recorder.recording.output(chain) == output)
            }
        }
        // By zeros servers are tried.
        let zeros = [Float](repeating: 0, count: TinyEncoder.featureCount)
        var encoder = TinyEncoder()
        #expect(
            recorder.recording.output(
                .start.followed(by: ChunkDigest(MessageBytes(elements: zeros)))
            ) == MessageBytes(elements: encoder.encode(zeros))
        )
        var silent = TinyEncoder()
        var last: [Float] = []
        let silence = try chunks([UInt8](repeating: 0, count: 96_000), 16_000, stage.bundle)
        for chunk in silence { last = silent.encode(chunk) }
        #expect(recorder.recording.fallback == MessageBytes(elements: last))
        recorder.close()
        await triton.close()
    }

    @Test
    func anAnswerThatDoesNotFitIsRefused() async throws {
        let stage = try StubStage()
        let triton = try TritonDouble()
        triton.answer(.changed { $0.rawOutputContents[1].removeLast() })
        await #expect(throws: StubEncoderError.self) {
            _ = try await EncoderRecorder(
                encoder: stage.encoder,
                filterbank: stage.bundle.filterbankConfiguration,
                address: triton.address
            )
        }
        await triton.close()
    }
}
