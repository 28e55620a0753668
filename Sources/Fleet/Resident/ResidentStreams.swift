internal import GRPCTransport
internal import ModelBundle
internal import Synchronization

/// What the streams of a fleet share whose states stay on the endpoints.
final class ResidentStreams: Sendable {
    let endpoints: EndpointSet
    let codec: SequenceCodec
    let budget: SnapshotBudget
    let farewells: Farewells
    private let rebalancer: Mutex<Rebalancer>
    private let counts = Mutex(Counts())
    private let openedCount = Atomic<UInt64>(0)
    private let interval: Int

    struct Counts: Sendable {
        var openCount = 0
        var moves = 0
        var restores = 0
        var repeatedChunks = 0
        var snapshots = 0
        var fencedAnswers = 0
        var forgottenSequences = 0
    }

    init(_ endpoints: EndpointSet, _ codec: SequenceCodec) {
        let configuration = endpoints.configuration
        self.endpoints = endpoints
        self.codec = codec
        interval = configuration.snapshotInterval
        budget = SnapshotBudget(limit: configuration.maximumSnapshotBytes)
        farewells = Farewells(endpoints, codec)
        rebalancer = Mutex(Rebalancer(configuration.rebalancing))
    }

    /// What one stream may come to hold: a snapshot and the chunks up to the next one.
    private var byteCountPerStream: Int {
        let model = endpoints.model
        return model.stateByteCountPerStream + interval * model.features.byteCountPerStream
    }

    /// Begins a stream.
    ///
    /// - Throws: ``FleetError`` of kind `overloaded` when its snapshots would be beyond the budget.
    func open() throws(FleetError) -> ResidentStream {
        let byteCount = byteCountPerStream
        guard budget.reserve(byteCount) else {
            throw FleetError(
                .overloaded,
                """
                \(counts.withLock { $0.openCount }) streams are open, whose snapshots may take \
                \(byteCount) bytes each and snapshots.max_bytes, \(budget.limit), together; raise \
                it, or have snapshots come more often by snapshots.interval
                """
            )
        }
        counts.withLock { $0.openCount += 1 }
        return ResidentStream(
            self,
            Placement(
                stream: openedCount.wrappingAdd(1, ordering: .relaxed).newValue,
                snapshotInterval: interval,
                phase: Int.random(in: 0..<interval)
            ),
            reservedByteCount: byteCount
        )
    }

    /// A stream has ended.
    func close(reservedByteCount: Int) {
        budget.release(reservedByteCount)
        counts.withLock { $0.openCount -= 1 }
    }

    func count(_ change: (inout Counts) -> Void) {
        counts.withLock { change(&$0) }
    }

    /// An id that no sequence has had: of 63 random bits, so that those of other processes on the
    /// same endpoints differ too.
    static func freshSequenceID() -> UInt64 { .random(in: 1...UInt64(Int64.max)) }

    /// Where a stream that has just taken a snapshot is to live from here on; nil when it stays.
    func betterEndpoint(than id: EndpointID) -> EndpointID? {
        let candidates = endpoints.members.lazy.filter(\.health.isAdmitting).map {
            Rebalancer.Candidate(
                id: $0.id,
                latency: $0.load.latency,
                streamCount: $0.placementCount
            )
        }
        return rebalancer.withLock {
            $0.move(from: id, among: Array(candidates), at: endpoints.now())
        }
    }

    var report: ResidentReport {
        let counts = counts.withLock { $0 }
        let farewells = farewells.counts
        return ResidentReport(
            heldSnapshotBytes: budget.heldByteCount,
            reservedSnapshotBytes: budget.reservedByteCount,
            maximumSnapshotBytes: budget.limit,
            snapshots: counts.snapshots,
            moves: counts.moves,
            rebalancingMoves: rebalancer.withLock { $0.moveCount },
            restores: counts.restores,
            repeatedChunks: counts.repeatedChunks,
            forgottenSequences: counts.forgottenSequences,
            fencedAnswers: counts.fencedAnswers,
            endedSequences: farewells.ended,
            droppedEnds: farewells.dropped
        )
    }
}
