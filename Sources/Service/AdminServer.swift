internal import Fleet
public import GRPCTransport
internal import ModelBundle
public import Recognition
internal import SwiftProtobuf
internal import Wire

/// `martlet.v1.Admin` on a port of its own, which is for operators and not for clients.
public final class AdminServer: Sendable {
    private let server: Server

    /// Opens the port and begins to serve.
    ///
    /// - Throws: `RPCError` naming the address when the port cannot be opened.
    public init(models: [SpeechModel], transport: Server.Configuration) throws {
        let limits = StreamLimits()
        let clock = ContinuousClock()
        let first = FirstMessage(limits: limits, clock: clock)
        let reflection = ReflectionService(try DescriptorIndex.servedToOperators())
        var handlers: [String: Server.Handler] = [
            "/martlet.v1.Admin/GetFleet": unaryHandler(first) {
                (_: Martlet_V1_GetFleetRequest) in
                Martlet_V1_GetFleetResponse.with {
                    $0.fleets = models.map(Martlet_V1_Fleet.init)
                }
            }
        ]
        handlers.merge(reflection.handlers(limits: limits, clock: clock)) { own, _ in own }
        server = try Server(configuration: transport, methods: handlers)
    }

    /// The port that was opened.
    public var port: Int { server.port }

    /// Ends what is under way.
    public func shutdown() async {
        await server.shutdown(gracePeriod: .zero)
    }
}

extension Martlet_V1_Fleet {
    fileprivate init(_ model: SpeechModel) {
        let report = model.fleet.report
        self.init()
        self.model = model.name
        statePolicy = report.statePolicy.rawValue
        endpoints = report.endpoints.map(Martlet_V1_Endpoint.init)
        streams = Int64(report.openStreams)
        if let latency = report.chunkLatency { chunkLatency = .init(latency) }
        retries = Int64(report.retries)
        refusedStreams = Int64(report.refusedStreams)
        if let batches = report.batches { batching = .init(batches) }
        if let resident = report.resident { snapshots = .init(resident) }
    }
}

extension Martlet_V1_Snapshots {
    fileprivate init(_ report: ResidentReport) {
        self.init()
        heldBytes = Int64(report.heldSnapshotBytes)
        reservedBytes = Int64(report.reservedSnapshotBytes)
        maximumBytes = Int64(report.maximumSnapshotBytes)
        moves = Int64(report.moves)
        fencedAnswers = Int64(report.fencedAnswers)
    }
}

extension Martlet_V1_Batching {
    fileprivate init(_ batches: BatchStatistics) {
        self.init()
        requests = Int64(batches.requests)
        chunks = Int64(batches.chunks)
        queuedChunks = Int64(batches.waiting)
        if let wait = batches.wait95 { queueWait = .init(wait) }
    }
}

extension Martlet_V1_Endpoint {
    fileprivate init(_ report: EndpointReport) {
        self.init()
        address = report.address
        switch report.state {
        case .probing: state = .probing
        case .admitting: state = .admitting
        case .ejected: state = .ejected
        }
        reason = report.reason ?? ""
        outstandingChunks = Int64(report.outstandingChunks)
        if let latency = report.latency { self.latency = .init(latency) }
        streams = Int64(report.streams)
        requests = Int64(report.requests)
        failures = Int64(report.failures)
        ejections = Int64(report.ejections)
    }
}
