public import ModelBundle

/// What an operator sees of a fleet at one moment.
public struct FleetReport: Sendable {
    public var statePolicy: EncoderDescription.StatePolicy
    public var endpoints: [EndpointReport]
    public var openStreams: Int
    /// The median time that a chunk took lately, queues included; nil when hardly any came.
    public var chunkLatency: Duration?
    /// Requests that were sent again.
    public var retries: Int
    /// Streams that were refused for want of room.
    public var refusedStreams: Int
    /// How chunks shared requests; nil where states are resident.
    public var batches: BatchStatistics?
    /// Nil where states are carried.
    public var resident: ResidentReport?
}

/// How the streams fare whose states stay on the endpoints. Counts are from the start.
public struct ResidentReport: Sendable, Equatable {
    /// Bytes of snapshots, and of the chunks since, that are there now,
    public var heldSnapshotBytes: Int
    /// that open streams may come to need,
    public var reservedSnapshotBytes: Int
    /// and that all streams together may need.
    public var maximumSnapshotBytes: Int
    public var snapshots: Int
    /// Times that a stream went on at another endpoint, or anew at the same,
    public var moves: Int
    /// because another endpoint had much less to do,
    public var rebalancingMoves: Int
    /// from a snapshot and not from the beginning.
    public var restores: Int
    /// Chunks that were run again for it.
    public var repeatedChunks: Int
    /// Sequences that an endpoint did not know any more.
    public var forgottenSequences: Int
    /// Answers that were dropped for not being those that were waited for.
    public var fencedAnswers: Int
    /// Sequences whose end was confirmed,
    public var endedSequences: Int
    /// and whose end could not be sent, or was not answered.
    public var droppedEnds: Int
}

/// What an operator sees of one endpoint at one moment.
public struct EndpointReport: Sendable {
    public enum State: String, Sendable {
        case probing, admitting, ejected
    }

    public var address: String
    public var state: State
    /// Why it gets no work; nil when it does.
    public var reason: String?
    public var outstandingChunks: Int
    /// Moving average of the time that a request takes; nil before the first one.
    public var latency: Duration?
    /// Streams whose state lives there.
    public var streams: Int
    public var requests: Int
    public var failures: Int
    public var ejections: Int

    init(_ member: EndpointPool.Member) {
        address = member.address
        state =
            switch member.health.state {
            case .probing: .probing
            case .admitting: .admitting
            case .ejected: .ejected
            }
        reason = member.health.reason
        outstandingChunks = member.load.outstandingRows
        latency = member.load.latency
        streams = member.placementCount
        requests = member.requestCount
        failures = member.failureCount
        ejections = member.health.ejectionCount
    }
}

extension Fleet {
    /// How things are now.
    public var report: FleetReport {
        FleetReport(
            statePolicy: model.statePolicy,
            endpoints: endpoints.members.map(EndpointReport.init),
            openStreams: admission.openStreams,
            chunkLatency: admission.latency,
            retries: endpoints.retryCount,
            refusedStreams: admission.refusedStreams,
            batches: batchStatistics,
            resident: residentReport
        )
    }
}
