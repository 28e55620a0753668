internal import Fleet
internal import GRPCTransport
internal import ModelBundle
internal import TestBackend
internal import TestSupport
internal import Testing

/// Doubles of Triton and a fleet over them, whose probes a manual clock spaces.
struct FleetStage: Sendable {
    /// Where nobody listens: a reserved port that needs privileges.
    static let deadAddress = "127.0.0.1:1"

    let model: EncoderDescription
    let doubles: [TritonDouble]
    let fleet: Fleet
    let clock: ManualClock

    /// Moves the clock from one check to the next until something is so.
    func advance(until isSo: () -> Bool) async {
        while !isSo(), !Task.isCancelled {
            await clock.sleeperArrived()
            clock.advance(by: fleet.configuration.probeInterval / 4)
            await Task.yield()
        }
    }

    /// Runs `body` on a fleet of `count` doubles that has been checked, and takes all down after it.
    static func with(
        _ count: Int = 1,
        deadAddresses: [String] = [],
        _ adjust: (inout Fleet.Configuration) -> Void = { _ in },
        _ body: (FleetStage) async throws -> Void
    ) async throws {
        let doubles = try (0..<count).map { _ in try TritonDouble() }
        let clock = ManualClock()
        let model = try TinyModel().bundle.description.encoder
        var configuration = Fleet.Configuration()
        // Long, so that a busy machine is not taken for a fault.
        configuration.inferTimeout = .seconds(20)
        configuration.probeTimeout = .seconds(20)
        configuration.patience = .seconds(40)
        adjust(&configuration)
        let fleet = try Fleet(
            model: model,
            addresses: deadAddresses + doubles.map(\.address),
            configuration: configuration,
            seed: 1,
            clock: clock,
            logger: silentLogger
        )
        let outcome: Result<Void, any Error>
        do {
            try await fleet.check()
            try await body(
                FleetStage(model: model, doubles: doubles, fleet: fleet, clock: clock)
            )
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        fleet.close()
        for double in doubles { await double.close() }
        try outcome.get()
    }

    /// One endpoint's double, where there is one.
    var double: TritonDouble { doubles[0] }
}

/// A stream of random chunks: what the fleet makes of it and what it must make of it. An answer
/// shows the state from which it was computed.
struct TestStream {
    private var random: SplitMix64
    private let stream: any EncoderStream
    private(set) var reference = TinyEncoder()

    init(seed: UInt64, on fleet: Fleet) throws {
        random = SplitMix64(seed: seed)
        stream = try fleet.openStream()
    }

    mutating func makeChunk() -> [Float] {
        (0..<TinyEncoder.featureCount).map { _ in Float.random(in: -8...8, using: &random) }
    }

    /// Runs a chunk and compares what it gave with the reference.
    mutating func run(
        _ chunk: [Float],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let output = try await stream.encode(chunk)
        #expect(output.values == reference.encode(chunk), sourceLocation: sourceLocation)
    }

    /// The same with a new chunk.
    mutating func run(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await run(makeChunk(), sourceLocation: sourceLocation)
    }

    /// Runs a chunk that must fail.
    func fail(
        _ chunk: [Float],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async -> FleetError? {
        do {
            _ = try await stream.encode(chunk)
            Issue.record("the chunk was run", sourceLocation: sourceLocation)
            return nil
        } catch {
            return error
        }
    }

    /// Runs a chunk that must wait for an endpoint until its patience is over.
    func wait(
        _ chunk: [Float],
        on stage: FleetStage,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async -> FleetError? {
        let moving = Task {
            await stage.clock.sleeperArrived()
            stage.clock.advance(by: stage.fleet.configuration.patience)
        }
        let error = await fail(chunk, sourceLocation: sourceLocation)
        moving.cancel()
        return error
    }
}
