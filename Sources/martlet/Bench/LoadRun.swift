internal import Foundation
internal import GRPCTransport
internal import LoadGeneration
internal import SwiftProtobuf
internal import Synchronization
internal import Wire

/// A load while it runs: slots, each of which runs one stream after another until the time is over.
struct LoadRun {
    let plan: LoadPlan
    let recordings: [BenchRecording]
    /// The undisturbed finals of each recording; nil where none are compared.
    let expected: [StreamFinals]?
    let channels: [Channel]
    let speakingCount: Int
    let realTime: Bool
    let duration: Duration
    let record: LoadRecord

    /// Streams that have not ended so long after the load, and the longest recording, are given up.
    private static let drainLimit = Duration.seconds(30)
    private static let drainInterval = Duration.milliseconds(50)

    /// Runs the load; returns when its last stream has ended. `stop` resolves when somebody wants it
    /// to be over before its time.
    func run(stop: AsyncStream<Void>) async {
        let pacer = Pacer()
        let floor = SpeakingFloor(SpeakingTurns(limit: speakingCount, seed: plan.seed))
        let course = LoadCourse(end: record.start + duration)
        let ending = Task {
            // The first of the two ends the load.
            await withTaskGroup(of: Void.self) { group in
                // A load lasts as long as was asked for, by the clock on the wall.
                group.addTask { try? await Task.sleep(until: record.start + duration) }
                group.addTask { for await _ in stop { return } }
                await group.next()
                group.cancelAll()
            }
            course.isOver = true
            floor.end()
            let longest = recordings.map(\.duration).max() ?? .zero
            let limit = ContinuousClock.now + Self.drainLimit + (realTime ? longest : .zero)
            // Thousands of silent streams that end at once are a load of their own, which those who
            // still speak should not be measured by.
            while record.note({ ledger, _ in ledger.open }) > floor.waitingCount, .now < limit {
                // Looked at now and then: nobody is kept waiting by it.
                try await Task.sleep(for: Self.drainInterval)
            }
            floor.dismiss()
            // Streams that do not end by themselves are given up then.
            try await Task.sleep(until: limit + Self.drainInterval)
            course.isGivenUp = true
            for channel in channels { channel.close() }
        }
        await withTaskGroup(of: Void.self) { group in
            for slot in 0..<plan.slotCount {
                group.addTask { await run(slot, floor, pacer, course) }
            }
        }
        ending.cancel()
        pacer.close()
    }

    private func run(
        _ slot: Int,
        _ floor: SpeakingFloor,
        _ pacer: Pacer,
        _ course: LoadCourse
    ) async {
        var choices = plan.choices(ofSlot: slot)
        await pacer.sleep(until: min(record.start + plan.opening(ofSlot: slot), course.end))
        var refused: Int?
        while !course.isOver {
            // Who was refused tries the same recording again.
            let index = refused ?? choices.recording()
            refused = nil
            floor.begin(slot)
            record.note { $0.streamOpened(at: $1) }
            let stream = BenchStream(
                recording: recordings[index],
                channel: channels[slot % channels.count],
                load: BenchStream.Load(
                    slot: slot,
                    floor: floor,
                    record: record,
                    pacer: realTime ? pacer : nil,
                    phase: realTime ? choices.phase() : .zero
                )
            )
            let end = await stream.run { end in
                let outcome = outcome(of: end, recording: index, course)
                record.note { $0.streamEnded(outcome, recording: recordings[index].name, at: $1) }
                if case .refused = outcome { refused = index }
            }
            switch end {
            case .failed(let error, _, _):
                // Also after a failure, so that a server that is gone is not besieged.
                let pause = choices.pause(advice: error.retryAdvice)
                await pacer.sleep(until: min(.now + pause, course.end))
            case .ok, .silent: break
            }
        }
    }

    private func outcome(
        of end: BenchStream.End,
        recording: Int,
        _ course: LoadCourse
    ) -> LoadLedger.Outcome {
        switch end {
        case .silent: return .silent
        case .ok(let finals):
            return .completed(
                finals,
                difference: expected.flatMap { finals.difference(from: $0[recording]) },
                recordings[recording].reference.map {
                    WordErrors(reference: $0, recognised: finals.text)
                }
            )
        case .failed(let error, let latency, let hadResult):
            if error.code == .resourceExhausted, !hadResult { return .refused(after: latency) }
            if course.isGivenUp {
                return .failed(code: "UNFINISHED", message: "had not ended long after the load")
            }
            return .failed(code: "\(error.code)", message: error.message)
        }
    }
}

/// How far a load has come, as its slots ask it.
private final class LoadCourse: Sendable {
    let end: ContinuousClock.Instant
    private let over = Atomic(false)
    private let givenUp = Atomic(false)

    init(end: ContinuousClock.Instant) {
        self.end = end
    }

    /// Whether no stream is opened any more.
    var isOver: Bool {
        get { over.load(ordering: .acquiring) || end <= .now }
        set { over.store(newValue, ordering: .releasing) }
    }

    var isGivenUp: Bool {
        get { givenUp.load(ordering: .acquiring) }
        set { givenUp.store(newValue, ordering: .releasing) }
    }
}

extension RPCError {
    /// When the server would have the call tried again, from `google.rpc.RetryInfo`.
    fileprivate var retryAdvice: Duration? {
        guard let status = try? Google_Rpc_Status(serializedBytes: details) else { return nil }
        for detail in status.details where detail.isA(Google_Rpc_RetryInfo.self) {
            guard let info = try? Google_Rpc_RetryInfo(unpackingAny: detail), info.hasRetryDelay
            else { continue }
            // The pause is bounded; here only what would overflow must not.
            return .seconds(min(max(info.retryDelay.seconds, 0), 1 << 20))
                + .nanoseconds(Int64(info.retryDelay.nanos))
        }
        return nil
    }
}
