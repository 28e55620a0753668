internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import SwiftProtobuf
internal import Testing
internal import Wire

/// One way to misuse a stream and what must come of it.
struct Misuse: Sendable, CustomTestStringConvertible {
    enum Step: Sendable {
        case config(@Sendable (inout Martlet_V1_RecognitionConfig) -> Void)
        case audio([UInt8])
        case bytes([UInt8])
    }

    var testDescription: String
    var steps: [Step]
    /// Whether the client closes its side after the steps.
    var closes = true
    var code: RPCError.Code
    /// A part of the status message.
    var message: String
    /// The reason in `google.rpc.ErrorInfo`; nil where the transport refuses, which has none.
    var reason: String?
    /// Whether a final result comes before the status.
    var hasFinal = false

    private static let good = Step.config { _ in }
    private static let halfSecond = Step.audio([UInt8](repeating: 0, count: 16_000))

    static let all: [Misuse] = [
        Misuse(
            testDescription: "audio before config",
            steps: [halfSecond],
            code: .invalidArgument,
            message: "first message must be config",
            reason: "AUDIO_BEFORE_CONFIG"
        ),
        Misuse(
            testDescription: "config twice",
            steps: [good, halfSecond, good],
            code: .invalidArgument,
            message: "config came twice",
            reason: "CONFIG_TWICE",
            hasFinal: true
        ),
        Misuse(
            testDescription: "unknown model",
            steps: [.config { $0.model = "whisper" }],
            code: .notFound,
            message: "this server has zipformer-en",
            reason: "UNKNOWN_MODEL"
        ),
        Misuse(
            testDescription: "no encoding",
            steps: [.config { $0.encoding = .encodingUnspecified }],
            code: .invalidArgument,
            message: "use LINEAR16",
            reason: "INVALID_CONFIG"
        ),
        Misuse(
            testDescription: "unknown encoding",
            steps: [.config { $0.encoding = .UNRECOGNIZED(77) }],
            code: .invalidArgument,
            message: "number 77",
            reason: "INVALID_CONFIG"
        ),
        Misuse(
            testDescription: "a rate of 0",
            steps: [.config { $0.sampleRateHertz = 0 }],
            code: .invalidArgument,
            message: "8000 to 48000",
            reason: "INVALID_CONFIG"
        ),
        Misuse(
            testDescription: "a negative rate",
            steps: [.config { $0.sampleRateHertz = -16000 }],
            code: .invalidArgument,
            message: "8000 to 48000",
            reason: "INVALID_CONFIG"
        ),
        Misuse(
            testDescription: "a foreign language",
            steps: [.config { $0.languageCode = "de-DE" }],
            code: .invalidArgument,
            message: "does not recognise \"de-DE\"",
            reason: "INVALID_CONFIG"
        ),
        Misuse(
            testDescription: "too many alternatives",
            steps: [.config { $0.maxAlternatives = 31 }],
            code: .invalidArgument,
            message: "ask for 0 to 30",
            reason: "INVALID_CONFIG"
        ),
        Misuse(
            testDescription: "an odd byte at the end",
            steps: [good, halfSecond, .audio([1])],
            code: .invalidArgument,
            message: "half a sample",
            reason: "INVALID_AUDIO",
            hasFinal: true
        ),
        Misuse(
            testDescription: "an empty stream",
            steps: [],
            code: .invalidArgument,
            message: "send config",
            reason: "EMPTY_STREAM"
        ),
        Misuse(
            testDescription: "config and nothing else",
            steps: [good],
            code: .invalidArgument,
            message: "without any audio",
            reason: "EMPTY_STREAM"
        ),
        Misuse(
            testDescription: "a message over the limit",
            steps: [good, .audio([UInt8](repeating: 0, count: 70_000))],
            code: .resourceExhausted,
            message: "65536"
        ),
        Misuse(
            testDescription: "opens and sends nothing",
            steps: [],
            closes: false,
            code: .deadlineExceeded,
            message: "first_message_timeout",
            reason: "FIRST_MESSAGE_TIMEOUT"
        ),
        Misuse(
            testDescription: "stops sending",
            steps: [good, halfSecond],
            closes: false,
            code: .deadlineExceeded,
            message: "idle_timeout",
            reason: "IDLE_TIMEOUT",
            hasFinal: true
        ),
        Misuse(
            testDescription: "more audio than allowed",
            steps: [good] + [Step](repeating: halfSecond, count: 12),
            code: .outOfRange,
            message: "max_audio_duration",
            reason: "MAXIMUM_DURATION_EXCEEDED",
            hasFinal: true
        ),
        Misuse(
            testDescription: "garbage as the first message",
            steps: [.bytes([0xff, 0xfe, 0xfd, 0xfc])],
            code: .invalidArgument,
            message: "not a martlet.v1.RecognizeRequest",
            reason: "MALFORMED_MESSAGE"
        ),
        Misuse(
            testDescription: "garbage as a later message",
            steps: [good, halfSecond, .bytes([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f])],
            code: .invalidArgument,
            message: "not a martlet.v1.RecognizeRequest",
            reason: "MALFORMED_MESSAGE",
            hasFinal: true
        ),
        Misuse(
            testDescription: "a message with nothing in it",
            steps: [good, .bytes([])],
            code: .invalidArgument,
            message: "exactly one",
            reason: "EMPTY_MESSAGE"
        ),
        Misuse(
            testDescription: "a WAV header of another rate",
            steps: [.config { $0.sampleRateHertz = 8000 }, .audio(header(rateHertz: 16000))],
            code: .invalidArgument,
            message: "16000",
            reason: "INVALID_AUDIO"
        ),
    ]

    private static func header(rateHertz: UInt32) -> [UInt8] {
        func little(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (8 * $0) & 0xff) } }
        return Array("RIFF".utf8) + little(36) + Array("WAVEfmt ".utf8) + little(16)
            + [1, 0, 1, 0] + little(rateHertz) + little(rateHertz * 2) + [2, 0, 16, 0]
            + Array("data".utf8) + little(0)
    }
}

extension EndToEnd {
    @Suite struct BadInput {
        /// Limits so tight that a test need not wait for them.
        private static let settings = """
            server: { max_message_bytes: 65536, max_streams: 3 }
            limits:
              first_message_timeout: 300ms
              idle_timeout: 300ms
              max_audio_duration: 5s
            """

        private let laboratory: Laboratory
        private let recording: Recording

        init() throws {
            laboratory = try #require(Laboratory.current)
            recording = try #require(
                try Recording.all(laboratory.places).first {
                    $0.reference.tokens.count > 8 && $0.wav.count < 130_000
                }
            )
        }

        private func withStrictMartlet(
            _ body: (Martlet) async throws -> Void
        ) async throws {
            let martlet = try await Martlet(
                laboratory.places,
                directory: laboratory.directory,
                endpoints: ["127.0.0.1:\(laboratory.tritonPort)"],
                settings: Self.settings
            )
            do {
                try await body(martlet)
            } catch {
                await martlet.stop()
                throw error
            }
            await martlet.stop()
        }

        /// Each misuse has its status while another stream goes on undisturbed.
        @Test func isRefusedAndDisturbsNobody() async throws {
            try await withStrictMartlet { martlet in
                for misuse in Misuse.all {
                    async let neighbour = martlet.recognize(recording.wav, messageBytes: 3_200)
                    await check(misuse, on: martlet)
                    let results = try await neighbour
                    #expect(
                        results.last?.alternatives.first?.transcript
                            == recording.reference.text,
                        "beside \(misuse.testDescription)"
                    )
                }
            }
        }

        private func check(_ misuse: Misuse, on martlet: Martlet) async {
            let label = Comment(rawValue: misuse.testDescription)
            let call = martlet.recognize()
            var finals = 0
            do {
                for step in misuse.steps {
                    switch step {
                    case .config(let change):
                        try await call.send(try Martlet.config(change).messageBytes())
                    case .audio(let audio): try await call.send(Martlet.audio(audio))
                    case .bytes(let bytes): try await call.send(MessageBytes(bytes))
                    }
                }
                if misuse.closes { try await call.finishSending() }
            } catch {
                // The server may end the call while more is being sent; the status says why.
            }
            do {
                while let message = try await call.next() {
                    let response = try Martlet_V1_RecognizeResponse(parsing: message)
                    finals += response.results.filter(\.isFinal).count
                }
                Issue.record("ended with OK: \(misuse.testDescription)")
            } catch let error as RPCError {
                #expect(error.code == misuse.code, label)
                #expect(error.message.contains(misuse.message), label)
                #expect(reason(in: error) == misuse.reason, label)
            } catch {
                Issue.record(error, label)
            }
            #expect(finals == (misuse.hasFinal ? 1 : 0), label)
        }

        private func reason(in error: RPCError) -> String? {
            guard
                let status = try? Google_Rpc_Status(serializedBytes: error.details),
                let detail = status.details.first,
                let info = try? Google_Rpc_ErrorInfo(unpackingAny: detail)
            else { return nil }
            return info.reason
        }

        /// Clients that go away mid-stream leave nothing behind: with room for three streams, the
        /// tenth still gets in.
        @Test func clientsThatGoAwayAreForgotten() async throws {
            try await withStrictMartlet { martlet in
                for _ in 0..<10 {
                    let call = martlet.recognize()
                    try await call.send(
                        try Martlet.config { $0.interimResults = true }.messageBytes()
                    )
                    try await call.send(Martlet.audio(recording.wav.prefix(60_000)))
                    _ = try await call.next()
                    call.cancel()
                    await #expect(throws: RPCError.self) {
                        while try await call.next() != nil {}
                    }
                }
                var results: [Martlet_V1_RecognitionResult] = []
                // The server hears of the last cancellation in its own time.
                for attempt in 0..<100 where results.isEmpty {
                    do {
                        results = try await martlet.recognize(recording.wav, messageBytes: 32_000)
                    } catch let error as RPCError where error.code == .resourceExhausted {
                        #expect(attempt < 99)
                    }
                }
                #expect(
                    results.last?.alternatives.first?.transcript == recording.reference.text
                )
            }
        }

        @Test func streamsBeyondTheLimitAreRefused() async throws {
            try await withStrictMartlet { martlet in
                var open: [Call] = []
                for _ in 0..<3 {
                    let call = martlet.recognize()
                    try await call.send(
                        try Martlet.config { $0.interimResults = true }.messageBytes()
                    )
                    try await call.send(Martlet.audio(recording.wav.prefix(60_000)))
                    _ = try await call.next()
                    open.append(call)
                }
                let refused = martlet.recognize()
                await #expect {
                    while try await refused.next() != nil {}
                } throws: { error in
                    let error = error as? RPCError
                    return error?.code == .resourceExhausted
                        && error?.message.contains("max_streams") == true
                }
                for call in open { call.cancel() }
            }
        }

        /// A client that takes no results stops its own stream and no other.
        @Test func aClientThatDoesNotReadStopsOnlyItself() async throws {
            let martlet = laboratory.martlet
            let deaf = martlet.recognize()
            try await deaf.send(
                try Martlet.config { $0.interimResults = true }.messageBytes()
            )
            let recording = recording
            let sending = Task {
                // Ten minutes of speech: its results, none of which is read, are some megabytes.
                for _ in 0..<150 { try await deaf.send(Martlet.audio(recording.wav.dropFirst(44))) }
            }
            let results = try await martlet.recognize(recording.wav, messageBytes: 3_200)
            #expect(results.last?.alternatives.first?.transcript == recording.reference.text)
            deaf.cancel()
            sending.cancel()
            _ = await sending.result
        }
    }
}
