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
        adjust(&configuration)
        let fleet = try Fleet(
            model: model,
            addresses: deadAddresses + doubles.map(\.address),
            configuration: configuration,
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

/// A stream of random chunks: what the fleet makes of it and what it must make of it.
struct TestStream {
    private var random: SplitMix64
    private(set) var state: CarriedState
    private(set) var reference = TinyEncoder()

    init(seed: UInt64, on fleet: Fleet) {
        random = SplitMix64(seed: seed)
        state = fleet.makeState()
    }

    mutating func makeChunk() -> [Float] {
        (0..<TinyEncoder.featureCount).map { _ in Float.random(in: -8...8, using: &random) }
    }

    /// Runs a chunk and compares what it gave, and left behind, with the reference.
    mutating func run(
        _ chunk: [Float],
        on fleet: Fleet,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let output = try await fleet.encode(chunk, state: &state)
        #expect(output.values == reference.encode(chunk), sourceLocation: sourceLocation)
        #expect(state.contents == reference.stateContents, sourceLocation: sourceLocation)
    }

    /// The same with a new chunk.
    mutating func run(
        on fleet: Fleet,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await run(makeChunk(), on: fleet, sourceLocation: sourceLocation)
    }

    /// Runs a chunk that must fail and leave the stream where it was.
    mutating func fail(
        _ chunk: [Float],
        on fleet: Fleet,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async -> FleetError? {
        do {
            _ = try await fleet.encode(chunk, state: &state)
            Issue.record("the chunk was run", sourceLocation: sourceLocation)
            return nil
        } catch {
            #expect(state.contents == reference.stateContents, sourceLocation: sourceLocation)
            return error
        }
    }
}
