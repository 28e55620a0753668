internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import Wire

/// One stream whose audio is sent as it would be spoken, and what came of it.
struct LiveStream: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Audio of one message. Its length is sent when so much would have been spoken.
    private static let messageDuration = Duration.milliseconds(100)
    private static let messageBytes = 3_200
    /// After the end of its audio a stream that is still open is given up, as failed.
    private static let patience = Duration.seconds(60)

    /// Which of the streams that are open at a time.
    var lane: Int
    var passage: Int
    var martlet: Int
    var opened: Instant
    /// When the last of its audio was spoken.
    var spoken: Instant
    /// When the last of its audio was sent; nil when the call ended before.
    var sent: Instant?
    var finals: [Martlet_V1_RecognitionResult] = []
    /// When the last final result came.
    var answered: Instant?
    var closed: Instant
    /// Why it failed; nil when it ended with OK.
    var failure: String?

    /// From the end of the speech to the last final result.
    var latency: Duration? { answered.map { spoken.duration(to: $0) } }

    static func run(
        _ passage: Passage,
        numbered number: Int,
        lane: Int,
        on martlet: Martlet,
        numbered martletNumber: Int
    ) async -> LiveStream {
        let opened = ContinuousClock.now
        let spoken = opened + passage.duration
        let call = martlet.channel.call(
            "/martlet.v1.Recognizer/Recognize",
            timeout: passage.duration + patience
        )
        var stream = LiveStream(
            lane: lane,
            passage: number,
            martlet: martletNumber,
            opened: opened,
            spoken: spoken,
            closed: spoken
        )
        await withTaskCancellationHandler {
            async let sent = send(passage, since: opened, on: call)
            do {
                while let message = try await call.next() {
                    let finals = try Martlet_V1_RecognizeResponse(parsing: message).results
                        .filter(\.isFinal)
                    guard !finals.isEmpty else { continue }
                    stream.answered = .now
                    stream.finals += finals
                }
            } catch {
                stream.failure = "\(error)"
            }
            stream.closed = .now
            stream.sent = await sent
        } onCancel: {
            call.cancel()
        }
        return stream
    }

    /// - Returns: when the last was sent; nil when the call ended before, whose status says why.
    private static func send(
        _ passage: Passage,
        since opened: Instant,
        on call: Call
    ) async -> Instant? {
        do {
            try await call.send(try Martlet.config(passage.configure).messageBytes())
            var due = opened
            for start in stride(from: 0, to: passage.audio.count, by: messageBytes) {
                let part = passage.audio[start..<min(start + messageBytes, passage.audio.count)]
                due += messageDuration * part.count / messageBytes
                try await Task.sleep(until: due, clock: .continuous)
                try await call.send(Martlet.audio(part))
            }
            let sent = Instant.now
            try await call.finishSending()
            return sent
        } catch {
            return nil
        }
    }
}
