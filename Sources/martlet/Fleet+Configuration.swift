internal import Fleet
internal import ModelBundle
internal import Operations

extension Fleet.Configuration {
    init(_ settings: Operations.Configuration.Fleet) {
        self.init()
        inferTimeout = settings.inferTimeout
        patience = settings.patience
        channelsPerEndpoint = settings.connections
        probeInterval = settings.health.interval
        probeTimeout = settings.health.timeout
        batching.maximumBatch = settings.batching.maximumBatch
        batching.maximumWait = settings.batching.maximumWait
        batching.maximumOutstandingRequests = settings.batching.maximumOutstanding
        hedging = settings.hedging
        pool.balancing =
            switch settings.balancing {
            case .leastLoaded: .leastLoaded
            case .roundRobin: .roundRobin
            }
        pool.slowStart = settings.slowStart
        pool.maximumEjectedShare = settings.health.maximumEjectedShare
        pool.health.unansweredChecksToLeave = settings.health.unansweredChecks
        pool.health.failuresToEject = settings.health.failuresToEject
        pool.health.minimumEjection = settings.health.minimumEjection
        pool.health.maximumEjection = settings.health.maximumEjection
        pool.retries.share = settings.retries.share
        pool.retries.minimumRate = settings.retries.minimumPerSecond
        snapshotInterval = settings.snapshots.interval
        maximumSnapshotBytes = settings.snapshots.maximumBytes
        hedging = settings.hedging
        batching.maximumBatch = settings.batching.maximumBatch
        batching.maximumWait = settings.batching.maximumWait
        batching.maximumOutstandingRequests = settings.batching.maximumOutstanding
        snapshotInterval = settings.snapshots.interval
        maximumSnapshotBytes = settings.snapshots.maximumBytes
        admission.headroom = settings.admission.headroom
        admission.maximumStreams = settings.admission.maximumStreams
    }
}

extension EncoderDescription.StatePolicy {
    init(_ policy: Operations.Configuration.StatePolicy) {
        switch policy {
        case .carried: self = .carried
        case .resident: self = .resident
        }
    }
}
