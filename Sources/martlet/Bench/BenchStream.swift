internal import Foundation
internal import GRPCTransport
internal import LoadGeneration
internal import MessageCoding
internal import SwiftProtobuf
internal import Synchronization
internal import Wire

/// One recording on its way through one `Recognize` call, with its latencies noted.
struct BenchStream {
    /// What tells a stream of a load from one that is recognised alone.
    struct Load {
        let slot: Int
        let floor: SpeakingFloor
        let record: LoadRecord
        /// Wakes the stream for each message; nil sends as fast as the server takes it.
        let pacer: Pacer?
        /// What is waited before the audio begins.
        let phase: Duration
    }

    enum End: Sendable {
        case ok(StreamFinals)
        case failed(RPCError, after: Duration, hadResult: Bool)
        /// The load was over before the stream's turn to speak came.
        case silent
    }

    let recording: BenchRecording
    let channel: Channel
    /// Nil where the stream is alone.
    let load: Load?

    /// Tells `ended` as soon as the call has ended; returns when its sender has noticed, which can
    /// take as long as a message.
    func run(_ ended: (End) -> Void = { _ in }) async -> End {
        let opened = ContinuousClock.now
        let call = channel.call("/martlet.v1.Recognizer/Recognize", metadata: [:], timeout: nil)
        let log = SendTimes(recording.cut)
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do throws(RPCError) {
                    try await send(on: call, log)
                } catch {
                    // The reader learns the call's status, which says more than a failed write.
                }
            }
            let end = await receive(from: call, log, opened)
            ended(end)
            if let load { load.floor.withdraw(load.slot) }
            return end
        }
    }

    private func send(on call: Call, _ log: SendTimes) async throws(RPCError) {
        try await call.send(recording.config)
        guard let load else {
            for message in recording.messages { try await call.send(message) }
            try await call.finishSending()
            return
        }
        guard await load.floor.turn(of: load.slot) else {
            log.gaveUp()
            call.cancel()
            return
        }
        load.record.note { $0.speakingBegan(at: $1) }
        defer {
            load.floor.leave()
            load.record.note { $0.speakingEnded(at: $1) }
        }
        let start = ContinuousClock.now + load.phase
        // When the transport took the message before.
        var ready = ContinuousClock.now
        for (index, message) in recording.messages.enumerated() {
            var sent = ContinuousClock.now
            var lateness: Duration?
            if let pacer = load.pacer {
                // A message can be sent when its last sample has been spoken, not before.
                let due = start + recording.cut.end(ofMessage: index)
                await pacer.sleep(until: due)
                let now = ContinuousClock.now
                lateness = now - due
                // A message that had to wait for the server is late by the server's fault, and its
                // result's latency begins when the message was due.
                sent = ready > due ? due : now
            }
            log.sent(index, at: sent)
            let seconds = recording.cut.duration(
                ofSamples: recording.cut.samples(ofMessage: index).count
            ).seconds
            load.record.note {
                $0.audioSent(seconds: seconds, lateness: lateness, at: $1)
            }
            try await call.send(message)
            ready = .now
            if index == recording.messages.count - 1 {
                // The end of the audio is known with its last message.
                log.ended(at: load.pacer == nil ? ready : sent)
            }
        }
        try await call.finishSending()
    }

    private func receive(
        from call: Call,
        _ log: SendTimes,
        _ opened: ContinuousClock.Instant
    ) async -> End {
        var finals = StreamFinals()
        // The last final's latency is noted when the stream has ended well, and only then.
        var lastFinal: Duration?
        var hasResult = false
        do {
            while let message = try await call.next() {
                let now = ContinuousClock.now
                var hasFinal = false
                try ScannedResult.forEach(in: message) { result in
                    hasResult = true
                    hasFinal = hasFinal || result.isFinal
                    let latency = log.latency(
                        ofResultThatNeeded: result.audioProcessedNanoseconds,
                        at: now
                    )
                    switch latency {
                    case .chunk(let latency):
                        load?.record.note { $0.chunkResult(latency, at: $1) }
                    case .end(let latency):
                        if result.isFinal { lastFinal = latency }
                    case .none: break
                    }
                }
                if hasFinal {
                    let response = try Martlet_V1_RecognizeResponse(parsing: message)
                    for result in response.results where result.isFinal {
                        finals.append(FinalSegment(result))
                    }
                }
            }
        } catch let error as RPCError {
            return log.hasGivenUp && error.code == .cancelled
                ? .silent
                : .failed(error, after: ContinuousClock.now - opened, hadResult: hasResult)
        } catch {
            call.cancel()
            return .failed(
                RPCError(.internal, "the server sent no RecognizeResponse: \(error)"),
                after: ContinuousClock.now - opened,
                hadResult: true
            )
        }
        if let lastFinal { load?.record.note { $0.lastFinal(lastFinal, at: $1) } }
        return .ok(finals)
    }
}

/// When each of a stream's messages was sent.
private final class SendTimes: Sendable {
    enum Latency {
        /// Of a result that came while audio was still to be sent, or did not need all of it.
        case chunk(Duration)
        /// Of a result that needed all of the audio.
        case end(Duration)
    }

    private struct State {
        var sent: [ContinuousClock.Instant] = []
        var ended: ContinuousClock.Instant?
        var hasGivenUp = false
    }

    private let cut: MessageCut
    private let state = Mutex(State())

    init(_ cut: MessageCut) {
        self.cut = cut
    }

    func sent(_ index: Int, at time: ContinuousClock.Instant) {
        state.withLock { state in
            if index == 0 { state.sent.reserveCapacity(cut.messageCount) }
            state.sent.append(time)
        }
    }

    func ended(at time: ContinuousClock.Instant) {
        state.withLock { $0.ended = time }
    }

    func gaveUp() {
        state.withLock { $0.hasGivenUp = true }
    }

    var hasGivenUp: Bool { state.withLock { $0.hasGivenUp } }

    /// Nil for a result that needed audio which was not sent: a server's mistake.
    func latency(
        ofResultThatNeeded nanoseconds: Int64,
        at now: ContinuousClock.Instant
    ) -> Latency? {
        let message = cut.message(holdingEndOf: nanoseconds)
        return state.withLock { state in
            guard let message else { return state.ended.map { .end(now - $0) } }
            return message < state.sent.count ? .chunk(now - state.sent[message]) : nil
        }
    }
}

extension FinalSegment {
    fileprivate init(_ result: Martlet_V1_RecognitionResult) {
        let best = result.alternatives.first ?? .init()
        self.init(
            text: best.transcript,
            endNanoseconds: result.resultEndTime.inNanoseconds,
            words: best.words.map {
                Word(
                    text: $0.word,
                    startNanoseconds: $0.startTime.inNanoseconds,
                    endNanoseconds: $0.endTime.inNanoseconds
                )
            },
            tokens: best.tokens.map {
                Token(piece: $0.piece, nanoseconds: $0.time.inNanoseconds)
            }
        )
    }
}

extension Google_Protobuf_Duration {
    fileprivate var inNanoseconds: Int64 {
        seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ Int64(nanos)
    }
}
