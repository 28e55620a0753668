internal import AudioFrontend
internal import Testing

@Suite struct WAVHeaderTests {
    private let audio = Signals.bytes(Signals.noise(3_000, seed: 21))

    private func parse(_ bytes: [UInt8], cut: Int) throws(AudioError) -> WAVHeaderParser {
        var parser = WAVHeaderParser()
        var position = 0
        while position < bytes.count, parser.outcome == .incomplete {
            let piece = Array(bytes[position..<min(position + cut, bytes.count)])
            position += try piece.withUnsafeBufferPointer { piece throws(AudioError) in
                try parser.consume(UnsafeRawBufferPointer(piece))
            }
        }
        return parser
    }

    private func error(_ bytes: [UInt8], hertz: Int = 16_000) -> AudioError? {
        var errors: Set<AudioError?> = []
        for cut in [1, 7, Int.max] {
            do {
                let frontend = try AudioFrontend(
                    sampleRateHertz: hertz,
                    filterbank: FilterbankConfiguration()
                )
                do throws(AudioError) {
                    try frontend.append(bytes, cutBy: { cut })
                    try frontend.finish()
                    errors.insert(nil)
                } catch {
                    errors.insert(error)
                    // An error stays.
                    #expect(throws: error) { try frontend.finish() }
                }
            } catch {
                Issue.record(error)
            }
        }
        #expect(errors.count == 1, "the error depends on how the bytes were cut: \(errors)")
        return errors.first ?? nil
    }

    @Test("A header is read however it is cut", arguments: [1, 2, 5, 11, 12, 13, 44, 1_000])
    func header(cut: Int) throws {
        let list = Signals.chunk("LIST", Array("odd".utf8))
        let bytes = Signals.riff(
            list + Signals.format(hertz: 22_050, extra: [0, 0]) + list
                + Signals.chunk("data", audio)
        )
        let parser = try parse(bytes, cut: cut)
        let header = WAVHeader(
            format: LinearPCMFormat(sampleRateHertz: 22_050),
            dataByteCount: audio.count,
            headerByteCount: bytes.count - audio.count
        )
        #expect(parser.outcome == .wav(header))
        #expect(parser.byteOffset == header.headerByteCount)
    }

    @Test("Bytes after the declared size are not audio")
    func trailingChunks() throws {
        let bytes = Signals.wav(audio, hertz: 16_000) + Signals.chunk("LIST", audio)
        #expect(try frames(of: bytes) { 333 } == frames(of: audio))
    }

    @Test(
        "A size that the writer did not know bounds nothing",
        arguments: [0, 0x7FFF_F000, 0x7FFF_FFFF, 0xFFFF_FFFF]
    )
    func unknownSize(size: Int) throws {
        let bytes = Signals.riff(
            Signals.format(hertz: 16_000) + Signals.chunk("data", audio, size: size)
        )
        #expect(try frames(of: bytes) == frames(of: audio))
    }

    @Test("The extensible format with the PCM subtype is PCM")
    func extensible() throws {
        func bytes(subtype: Int) -> [UInt8] {
            let identifier: [UInt8] =
                Signals.littleEndian(subtype, 2)
                + [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]
            let extra =
                Signals.littleEndian(22, 2) + Signals.littleEndian(16, 2)
                + Signals.littleEndian(4, 4) + identifier
            return Signals.riff(
                Signals.format(tag: 0xFFFE, hertz: 16_000, extra: extra)
                    + Signals.chunk("data", audio)
            )
        }
        #expect(try frames(of: bytes(subtype: 1)) { 3 } == frames(of: audio))
        #expect(error(bytes(subtype: 3)) == .unsupportedWAVFormat(tag: 3))
        #expect(
            error(Signals.riff(Signals.format(tag: 0xFFFE, hertz: 16_000, extra: [22, 0])))
                == .malformedWAVHeader(
                    byteOffset: 20,
                    reason: "an extensible fmt chunk without its subtype"
                )
        )
    }

    @Test("Bare samples that begin like a header are samples")
    func almostHeaders() throws {
        for start in ["R", "RI", "RIFF", "RIFFxxxxWAV", "RIFFxxxxWAVY", "RF64zzzzzzz"] {
            let bytes = Array(start.utf8) + [1] + audio.dropLast(start.utf8.count % 2 == 0 ? 1 : 0)
            #expect(try frames(of: bytes) { 1 } == frames(of: bytes))
            #expect(try frames(of: bytes).count == frames(of: audio).count)
        }
        let frontend = try AudioFrontend(
            sampleRateHertz: 16_000,
            filterbank: FilterbankConfiguration()
        )
        try frontend.append(Array("RIFF".utf8)[...])
        try frontend.finish()
        #expect(frontend.receivedSamples == 2)
    }

    @Test("What cannot be served is refused, with what to do")
    func refusals() throws {
        let data = Signals.chunk("data", audio)
        #expect(
            error(Signals.wav(audio, hertz: 8_000))
                == .sampleRateMismatch(headerHertz: 8_000, streamHertz: 16_000)
        )
        #expect(error(Signals.wav(audio, hertz: 0)) == .unsupportedSampleRate(hertz: 0))
        #expect(
            error(Signals.riff(Signals.format(channels: 2, hertz: 16_000) + data))
                == .unsupportedChannelCount(2)
        )
        #expect(
            error(Signals.riff(Signals.format(hertz: 16_000, bits: 8) + data))
                == .unsupportedBitsPerSample(8)
        )
        #expect(
            error(Signals.riff(Signals.format(tag: 7, hertz: 16_000) + data))
                == .unsupportedWAVFormat(tag: 7)
        )
        #expect(error(Signals.riff([], name: "RF64")) == .unsupportedWAVContainer("RF64"))
        #expect(
            error(Signals.riff(data))
                == .malformedWAVHeader(byteOffset: 12, reason: "data before a fmt chunk")
        )
        #expect(
            error(Signals.riff(Signals.chunk("fmt ", [1, 0])))
                == .malformedWAVHeader(
                    byteOffset: 12,
                    reason: "a fmt chunk of 2 bytes where 16 are needed"
                )
        )
        let format = Signals.format(hertz: 16_000)
        #expect(
            error(Signals.riff(format + format))
                == .malformedWAVHeader(byteOffset: 36, reason: "a second fmt chunk")
        )
        #expect(
            error(Signals.riff(Signals.chunk("LIST", [], size: 0xFFFF_FFFF)))
                == .wavHeaderTooLong(limitBytes: 65_536)
        )
        let empty = (0..<9_000).flatMap { _ in Signals.chunk("junk", []) }
        #expect(error(Signals.riff(empty)) == .wavHeaderTooLong(limitBytes: 65_536))
        #expect(error(Signals.riff(format)) == .truncatedWAVHeader(byteOffset: 36))
        for hertz in [0, -1, 7_999, 48_001, Int.max, Int.min] {
            #expect(throws: AudioError.unsupportedSampleRate(hertz: hertz)) {
                try AudioFrontend(sampleRateHertz: hertz, filterbank: FilterbankConfiguration())
            }
        }
        #expect(
            "\(AudioError.sampleRateMismatch(headerHertz: 8_000, streamHertz: 16_000))"
                == """
                the WAV header says 8000 Hz but the stream was opened at 16000 Hz; \
                open it at the rate of the audio
                """
        )
    }

    @Test("Half a sample at the end is an error that loses nothing", arguments: [16_000, 8_000])
    func trailingByte(hertz: Int) throws {
        for bytes in [audio + [7], Signals.wav(audio + [7], hertz: hertz)] {
            let frontend = try AudioFrontend(
                sampleRateHertz: hertz,
                filterbank: FilterbankConfiguration()
            )
            try frontend.append(bytes, cutBy: { 333 })
            #expect(throws: AudioError.trailingByte(wholeSamples: 3_000)) {
                try frontend.finish()
            }
            #expect(try frontend.allFrames == frames(of: audio, hertz: hertz, tail: 10_560))
        }
    }

    @Test("Random bytes never trap, and never depend on how they are cut")
    func fuzz() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("WAV fuzz seed: \(seed)")
        var generator = SeededGenerator(seed: seed)
        let configuration = try FilterbankConfiguration()
        var refused = 0
        for _ in 0..<2_000 {
            var bytes = Signals.riff(
                Signals.format(
                    tag: Bool.random(using: &generator) ? 1 : 0xFFFE,
                    hertz: 16_000,
                    extra: (0..<Int.random(in: 0...26, using: &generator)).map { _ in
                        UInt8.random(in: 0...255, using: &generator)
                    }
                ) + Signals.chunk("data", Array(audio.prefix(100)))
            )
            for _ in 0..<Int.random(in: 0...6, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] =
                    .random(in: 0...255, using: &generator)
            }
            if Bool.random(using: &generator) {
                bytes = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
                    .random(in: 0...255, using: &generator)
                }
            }
            func outcome(_ nextSize: () -> Int) throws -> (AudioError?, [Float]) {
                let frontend = try AudioFrontend(
                    sampleRateHertz: 16_000,
                    filterbank: configuration
                )
                do throws(AudioError) {
                    try frontend.append(bytes, cutBy: nextSize)
                    try frontend.finish(tailPaddingSamples: 160)
                } catch {
                    return (error, frontend.allFrames)
                }
                return (nil, frontend.allFrames)
            }
            let whole = try outcome { .max }
            let cut = try outcome { Int.random(in: 1...20, using: &generator) }
            refused += whole.0 == nil ? 0 : 1
            #expect(whole == cut, "seed \(seed), bytes \(bytes)")
        }
        #expect(refused > 100)
    }
}
