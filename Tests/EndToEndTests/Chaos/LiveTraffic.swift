internal import Foundation
internal import Synchronization
internal import TestSupport
internal import Testing
internal import Wire

/// Streams in real time, one after the other in each of some lanes.
struct LiveTraffic: Sendable {
    /// Streams at a time when the undisturbed run is made, as fast as they go.
    private static let undisturbedConcurrency = 8

    let martlets: [Martlet]
    let passages: [Passage]
    /// Final results of each passage.
    let undisturbed: [[Martlet_V1_RecognitionResult]]

    /// Has each passage recognised once while nothing disturbs it.
    init(_ passages: [Passage], on martlets: [Martlet]) async throws {
        self.passages = passages
        self.martlets = martlets
        undisturbed = try await withThrowingTaskGroup(
            of: (Int, [Martlet_V1_RecognitionResult]).self
        ) { group in
            var finals = [[Martlet_V1_RecognitionResult]](repeating: [], count: passages.count)
            for (index, passage) in passages.enumerated() {
                if index >= Self.undisturbedConcurrency, let (done, found) = try await group.next()
                {
                    finals[done] = found
                }
                group.addTask {
                    let found = try await martlets[0].recognize(
                        passage.audio,
                        messageBytes: 32_000,
                        passage.configure
                    )
                    return (index, found.filter(\.isFinal))
                }
            }
            for try await (done, found) in group { finals[done] = found }
            return finals
        }
    }

    /// Keeps the lanes busy while `body` runs, and lets their last streams come to their end.
    /// - Parameter streamsEach: The most streams in a lane.
    func run(
        lanes: Int,
        streamsEach: Int = .max,
        seed: UInt64,
        during body: @Sendable () async throws -> Void
    ) async throws -> [LiveStream] {
        let ending = Ending()
        return try await withThrowingTaskGroup(of: [LiveStream].self) { group in
            for lane in 0..<lanes {
                group.addTask {
                    await drive(lane, streamsEach, seed: seed, until: ending)
                }
            }
            try await body()
            ending.come()
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private final class Ending: Sendable {
        private let state = Mutex(false)
        var hasCome: Bool { state.withLock { $0 } }
        func come() { state.withLock { $0 = true } }
    }

    private func drive(
        _ lane: Int,
        _ count: Int,
        seed: UInt64,
        until ending: Ending
    ) async -> [LiveStream] {
        var random = SplitMix64(seed: seed &+ UInt64(lane) &* 0x9e37_79b9)
        let martlet = lane % martlets.count
        var streams: [LiveStream] = []
        while !ending.hasCome, streams.count < count {
            // Where in a chunk a stream is has nothing to do with where the others are.
            let gap = Duration.milliseconds(Int.random(in: 0..<700, using: &random))
            guard (try? await Task.sleep(for: gap)) != nil, !ending.hasCome else { break }
            let passage = passages.indices.randomElement(using: &random) ?? 0
            streams.append(
                await LiveStream.run(
                    passages[passage],
                    numbered: passage,
                    lane: lane,
                    on: martlets[martlet],
                    numbered: martlet
                )
            )
        }
        return streams
    }

    /// What went wrong with a stream; nil when it ended with OK and said what it should.
    func complaint(of stream: LiveStream) -> String? {
        if let failure = stream.failure { return "failed: \(failure)" }
        return Martlet_V1_RecognitionResult.difference(
            of: stream.finals,
            from: undisturbed[stream.passage]
        )
    }
}
