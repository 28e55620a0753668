internal import Foundation
internal import GRPCTransport
internal import StubEncoder
internal import TestSupport
internal import Testing

struct EncoderRecordingTests {
    private func recording(_ count: Int = 3) -> EncoderRecording {
        var recording = EncoderRecording(
            model: "tiny-encoder",
            weights: "sha256:é",
            featureByteCount: 80,
            outputByteCount: 24
        )
        for index in 0..<count {
            recording.insert(
                MessageBytes([UInt8](repeating: UInt8(index), count: 24)),
                for: ChainHash(value: UInt64(1_000 - index))
            )
        }
        recording.fallback = MessageBytes([UInt8](repeating: 9, count: 24))
        return recording
    }

    private func isRefused(_ bytes: [UInt8]) -> Bool {
        (try? EncoderRecording(serialized: MessageBytes(bytes))) == nil
    }

    @Test
    func whatIsWrittenIsRead() throws {
        for count in [0, 1, 3] {
            let written = recording(count)
            let read = try EncoderRecording(serialized: written.serialized)
            #expect(read.model == written.model && read.weights == written.weights)
            #expect(read.featureByteCount == 80 && read.outputByteCount == 24)
            #expect(read.chunkCount == count && read.fallback == written.fallback)
            for index in 0..<count {
                let chain = ChainHash(value: UInt64(1_000 - index))
                #expect(read.output(chain) == written.output(chain))
            }
            #expect(read.output(ChainHash(value: 5)) == nil)
            #expect(read.serialized == written.serialized)
        }
    }

    @Test
    func filesAreReadAndTheirFaultsNamed() throws {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("martlet-\(UUID().uuidString).recording").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try recording().save(file: file)
        #expect(try EncoderRecording.load(file: file).serialized == recording().serialized)
        try Data("RIFF".utf8).write(to: URL(fileURLWithPath: file))
        do throws(StubEncoderError) {
            _ = try EncoderRecording.load(file: file)
            Issue.record("a WAV file is no recording of an encoder")
        } catch {
            #expect(error.description.contains(file))
            #expect(error.description.contains("is not a recording of an encoder"))
        }
        #expect(throws: StubEncoderError.self) { try EncoderRecording.load(file: file + ".none") }
        #expect(throws: StubEncoderError.self) { try EncoderRecording.load(file: "/") }
    }

    @Test
    func everyDamageIsFound() {
        let bytes = [UInt8](recording().serialized)
        #expect(!isRefused(bytes))
        for count in bytes.indices { #expect(isRefused([UInt8](bytes[..<count]))) }
        #expect(isRefused(bytes + [0]))
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 0x40
            #expect(isRefused(damaged), "byte \(index)")
        }
    }

    /// Damage whose author has put the digest right: any outcome but a trap.
    @Test
    func noBytesTrap() {
        var random = SplitMix64.announced()
        let bytes = [UInt8](recording().serialized.dropLastBytes(8))
        var refused = 0
        for _ in 0..<20_000 {
            var forged = bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: 0..<min(forged.count, 60), using: &random)
                let choices: [UInt8] = [
                    0, 1, 0x7f, 0x80, 0xff, .random(in: 0...255, using: &random),
                ]
                forged[index] = choices.randomElement(using: &random)!
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                forged.removeLast(Int.random(in: 0..<forged.count, using: &random))
            }
            let digest = ChunkDigest(MessageBytes(forged)).value.littleEndian
            withUnsafeBytes(of: digest) { forged += $0 }
            if isRefused(forged) { refused += 1 }
        }
        #expect(refused > 10_000)
    }

    @Test
    func anotherEncodersRecordingIsRefused() throws {
        let stage = try StubStage()
        let encoder = stage.encoder
        try stage.recording().check(against: encoder)
        func problem(_ model: String, _ features: Int, _ output: Int) -> String? {
            let recording = EncoderRecording(
                model: model,
                weights: "",
                featureByteCount: features,
                outputByteCount: output
            )
            do throws(StubEncoderError) {
                try recording.check(against: encoder)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(problem("tiny-encoder", 80, 24) == nil)
        #expect(problem("other", 80, 24)?.contains("is of model \"other\"") == true)
        #expect(problem("tiny-encoder", 84, 24)?.contains("chunks of 84 bytes in") == true)
        #expect(problem("tiny-encoder", 80, 20)?.contains("20 out") == true)
    }
}

extension MessageBytes {
    fileprivate func dropLastBytes(_ count: Int) -> MessageBytes { self[0..<self.count - count] }
}
