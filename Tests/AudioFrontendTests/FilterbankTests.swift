internal import AudioFrontend
internal import Foundation
internal import Testing

@Suite struct FilterbankTests {
    @Test("Frames are those of kaldi-native-fbank", arguments: Signals.golden.map(\.name))
    func golden(name: String) throws {
        let signal = try #require(Signals.golden.first { $0.name == name })
        let url = try #require(
            Bundle.module.url(forResource: "Resources/\(name)", withExtension: "f32")
        )
        let reference = try floats(Data(contentsOf: url))
        let ours = try frames(of: Signals.bytes(signal.samples), tail: signal.tail)
        #expect(ours.count == reference.count)
        var deviation = Deviation()
        deviation.add(ours, reference)
        print("filterbank, \(name): \(deviation)")
        #expect(deviation.share >= 0.9999)
        #expect(deviation.largest <= 1e-2)
    }

    @Test("A frame is there with its last sample and not before", arguments: [0, 1, 2, 3, 50])
    func completion(frame: Int) throws {
        let configuration = try FilterbankConfiguration()
        #expect(configuration.lastSample(ofFrame: frame) == 160 * frame + 279)
        let frontend = try AudioFrontend(sampleRateHertz: 16_000, filterbank: configuration)
        let bytes = Signals.bytes(Signals.noise(160 * frame + 280, seed: 9))
        try frontend.append(bytes.dropLast(2))
        #expect(frontend.frameCount == frame)
        try frontend.append(bytes.suffix(2))
        #expect(frontend.frameCount == frame + 1)
        #expect(frontend.filterbankSamples == 160 * frame + 280)
    }

    @Test("Frames keep their numbers and values while earlier ones are discarded")
    func discarding() throws {
        let bytes = Signals.bytes(Signals.chirp(48_000))
        let whole = try frames(of: bytes)
        let frontend = try AudioFrontend(
            sampleRateHertz: 16_000,
            filterbank: FilterbankConfiguration()
        )
        var row = [Float](repeating: 0, count: 45 * 80)
        var next = 0
        func check() {
            while frontend.frameCount >= next + 45 {
                row.withUnsafeMutableBufferPointer {
                    frontend.copyFrames(next..<(next + 45), to: $0)
                }
                #expect(row.elementsEqual(whole[(next * 80)..<((next + 45) * 80)]))
                next += 32
                frontend.discardFrames(before: next)
                #expect(frontend.firstFrame == next)
            }
        }
        for start in stride(from: 0, to: bytes.count, by: 2_001) {
            try frontend.append(bytes[start..<min(start + 2_001, bytes.count)])
            check()
        }
        try frontend.finish(tailPaddingSamples: 0)
        check()
        #expect(frontend.frameCount == 300)
        #expect(next == 256)
        frontend.discardFrames(before: .max)
        #expect(frontend.firstFrame == 300)
        frontend.discardFrames(before: 0)
        #expect(frontend.firstFrame == 300)
    }

    @Test("A configuration names the field that is wrong")
    func validation() throws {
        func field(_ body: () throws(AudioError) -> FilterbankConfiguration) -> String? {
            do {
                _ = try body()
                return nil
            } catch {
                guard case .invalidFilterbank(let field, _) = error else { return "\(error)" }
                #expect("\(error)".hasPrefix("frontend.\(field): "))
                return field
            }
        }
        typealias Configuration = FilterbankConfiguration
        #expect(
            field { () throws(AudioError) in try Configuration(sampleRateHertz: 0) }
                == "sample_rate_hertz"
        )
        #expect(
            field { () throws(AudioError) in try Configuration(sampleRateHertz: .max) }
                == "sample_rate_hertz"
        )
        #expect(field { () throws(AudioError) in try Configuration(melBins: 2) } == "mel_bins")
        // 400 filters leave some without a bin of the 512-point transform.
        #expect(field { () throws(AudioError) in try Configuration(melBins: 400) } == "mel_bins")
        #expect(
            field { () throws(AudioError) in try Configuration(frameLengthMilliseconds: 0) }
                == "frame_length_ms"
        )
        #expect(
            field { () throws(AudioError) in try Configuration(frameShiftMilliseconds: 26) }
                == "frame_shift_ms"
        )
        #expect(
            field { () throws(AudioError) in try Configuration(lowFrequencyHertz: .nan) }
                == "low_frequency_hertz"
        )
        #expect(
            field { () throws(AudioError) in try Configuration(highFrequencyHertz: 8_001) }
                == "high_frequency_hertz"
        )
        #expect(
            field { () throws(AudioError) in try Configuration(highFrequencyHertz: -7_990) }
                == "high_frequency_hertz"
        )
        #expect(
            field { () throws(AudioError) in try Configuration(preemphasis: 1.5) } == "preemphasis"
        )
        #expect(
            field { () throws(AudioError) in try Configuration(tailPaddingSamples: -1) }
                == "tail_padding_samples"
        )
        #expect(try Configuration() == Configuration())
        #expect(try Configuration() != Configuration(preemphasis: 0.95))
    }

    @Test("Windows of odd lengths and other rates mirror without leaving the samples kept")
    func otherShapes() throws {
        for (hertz, length, shift) in [(11_025, 25, 10), (8_000, 32, 32), (22_050, 3, 1)] {
            let configuration = try FilterbankConfiguration(
                sampleRateHertz: hertz,
                melBins: 4,
                frameLengthMilliseconds: length,
                frameShiftMilliseconds: shift,
                highFrequencyHertz: 0
            )
            for count in [0, 1, 2, 137, 1_000, 1_001, 2_011] {
                let frontend = try AudioFrontend(
                    sampleRateHertz: hertz,
                    filterbank: configuration
                )
                try frontend.append(Signals.bytes(Signals.noise(count, seed: 11))[...])
                try frontend.finish(tailPaddingSamples: 0)
                #expect(frontend.frameCount == configuration.frameCount(ofSamples: count))
                #expect(frontend.allFrames.allSatisfy { $0.isFinite })
            }
        }
    }
}

func floats(_ data: Data) -> [Float] {
    data.withUnsafeBytes { bytes in
        stride(from: 0, to: bytes.count - 3, by: 4).map {
            Float(
                bitPattern: UInt32(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)
                )
            )
        }
    }
}
