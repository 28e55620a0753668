internal import StrictYAML

extension Configuration.Fleet {
    private static let timeouts = Duration.milliseconds(1) ... .seconds(600)

    init(_ model: YAMLMapping<ModelKey>) throws(YAMLError) {
        self.init()
        try model.read(.statePolicy, into: &statePolicy) { value throws(YAMLError) in
            try value.choice(of: Configuration.StatePolicy.self)
        }
        try model.read(.connections, into: &connections, in: 1...64)
        try model.read(.inferTimeout, into: &inferTimeout, in: Self.timeouts)
        try model.read(.patience, into: &patience, in: Self.timeouts)
        try model.read(.balancing, into: &balancing) { value throws(YAMLError) in
            try value.choice(of: Configuration.Balancing.self)
        }
        try model.read(.slowStart, into: &slowStart, in: .zero ... .seconds(600))
        try model.read(.hedging, into: &hedging) { value throws(YAMLError) in try value.bool() }
        if let value = model.optional(.batching) {
            let mapping = try value.mapping(BatchingKey.self)
            try mapping.read(.maximumBatch, into: &batching.maximumBatch, in: 1...1024)
            try mapping.read(
                .maximumWait,
                into: &batching.maximumWait,
                in: .zero ... .seconds(1)
            )
            try mapping.read(.maximumOutstanding, into: &batching.maximumOutstanding, in: 1...64)
        }
        if let value = model.optional(.snapshots) {
            let mapping = try value.mapping(SnapshotsKey.self)
            try mapping.read(.interval, into: &snapshots.interval, in: 1...1000)
            try mapping.read(.maximumBytes, into: &snapshots.maximumBytes, in: 1 << 20...1 << 44)
        }
        if let value = model.optional(.health) { health = try Configuration.Health(value) }
        if let value = model.optional(.retries) {
            let mapping = try value.mapping(RetriesKey.self)
            try mapping.read(.share, into: &retries.share, in: 0...1)
            try mapping.read(
                .minimumPerSecond,
                into: &retries.minimumPerSecond,
                in: 0.1...10_000
            )
        }
        if let value = model.optional(.admission) {
            let mapping = try value.mapping(AdmissionKey.self)
            try mapping.read(.headroom, into: &admission.headroom, in: Self.timeouts)
            try mapping.read(.maximumStreams, into: &admission.maximumStreams) {
                value throws(YAMLError) in
                let count = try value.int(in: 0...1_000_000)
                return count == 0 ? nil : count
            }
        }
    }
}

extension Configuration.Health {
    private static let spans = Duration.milliseconds(10) ... .seconds(600)

    fileprivate init(_ value: YAMLValue) throws(YAMLError) {
        self.init()
        let health = try value.mapping(HealthKey.self)
        try health.read(.interval, into: &interval, in: Self.spans)
        try health.read(.timeout, into: &timeout, in: Self.spans)
        try health.read(.unansweredChecks, into: &unansweredChecks, in: 1...100)
        try health.read(.failuresToEject, into: &failuresToEject, in: 1...100)
        try health.read(.minimumEjection, into: &minimumEjection, in: Self.spans)
        try health.read(.maximumEjection, into: &maximumEjection, in: Self.spans)
        try health.read(.maximumEjectedShare, into: &maximumEjectedShare, in: 0...1)
        guard minimumEjection <= maximumEjection else {
            throw value.error("min_ejection is longer than max_ejection; make it no longer")
        }
    }
}
