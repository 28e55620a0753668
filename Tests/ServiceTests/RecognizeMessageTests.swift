internal import Foundation
internal import GRPCTransport
internal import Recognition
internal import Service
internal import SwiftProtobuf
internal import TestSupport
internal import Testing
internal import Wire

@Suite struct RecognizeMessageTests {
    private func bytes(_ request: Martlet_V1_RecognizeRequest) throws -> [UInt8] {
        try request.serializedBytes()
    }

    @Test func findsAudioInEveryCut() throws {
        let audio = (0..<300).map { UInt8($0 & 0xff) }
        let whole = try bytes(.with { $0.audio = .init(audio) })
        for cut in 0...whole.count {
            var message = MessageBytes(Array(whole[..<cut]))
            message.append(MessageBytes(Array(whole[cut...])))
            guard case .audio(let found) = try RecognizeMessage(message) else {
                Issue.record("not audio")
                return
            }
            #expect(found.withContiguousBytes { Array($0) } == audio)
        }
    }

    @Test func readsConfigAndUpdate() throws {
        let config = try bytes(.with { $0.config = .with { $0.model = "m" } })
        guard case .config(let found) = try RecognizeMessage(MessageBytes(config)) else {
            Issue.record("not config")
            return
        }
        #expect(found.model == "m")
        let update = try bytes(.with { $0.update = .init() })
        guard case .update = try RecognizeMessage(MessageBytes(update)) else {
            Issue.record("not an update")
            return
        }
    }

    @Test func theLastMemberOfTheOneofHolds() throws {
        let both =
            try bytes(.with { $0.audio = .init([1]) })
            + bytes(.with { $0.config = .with { $0.model = "m" } })
        guard case .config = try RecognizeMessage(MessageBytes(both)) else {
            Issue.record("not config")
            return
        }
    }

    @Test(arguments: [
        ([], RecognitionError.Code.emptyMessage),
        ([0x20, 1], .emptyMessage),
        ([0xff, 0xff, 0xff], .malformedMessage),
        ([0x12, 200, 1], .malformedMessage),
        ([0x10, 1], .malformedMessage),
        ([0x0a, 2, 0x0a, 9], .malformedMessage),
    ])
    func refusesWhatIsNoRequest(_ bytes: [UInt8], _ code: RecognitionError.Code) {
        #expect {
            _ = try RecognizeMessage(MessageBytes(bytes))
        } throws: { ($0 as? RecognitionError)?.code == code }
    }

    @Test func survivesRandomBytes() {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0..<64, using: &random)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            if count > 2, Bool.random(using: &random) { bytes[0] = 0x0a }
            do {
                _ = try RecognizeMessage(MessageBytes(bytes))
            } catch {
                #expect(
                    error.code == .malformedMessage || error.code == .emptyMessage,
                    "\(error) for \(bytes), seed \(seed)"
                )
            }
        }
    }
}
