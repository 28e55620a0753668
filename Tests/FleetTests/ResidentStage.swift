internal import Fleet
internal import ModelBundle
internal import TestBackend
internal import TestSupport
internal import Testing

/// Doubles of Triton that keep states, and a fleet over them, whose checks a manual clock spaces.
struct ResidentStage: Sendable {
    let doubles: [SequenceDouble]
    let fleet: Fleet
    let clock: ManualClock

    /// One endpoint's double, where there is one.
    var double: SequenceDouble { doubles[0] }

    /// Runs `body` on a fleet of `count` doubles that has been checked, and takes all down after it.
    static func with(
        _ count: Int = 1,
        _ adjust: (inout Fleet.Configuration) -> Void = { _ in },
        _ body: (ResidentStage) async throws -> Void
    ) async throws {
        let doubles = try (0..<count).map { _ in try SequenceDouble() }
        let clock = ManualClock()
        var configuration = Fleet.Configuration()
        // Long, so that a busy machine is not taken for a fault.
        configuration.inferTimeout = .seconds(20)
        configuration.probeTimeout = .seconds(20)
        configuration.patience = .seconds(40)
        // How streams share the endpoints is not what most tests are about.
        configuration.rebalancing.maximumMovesPerSecond = 0
        configuration.admission.headroom = .seconds(1000)
        adjust(&configuration)
        let fleet = try Fleet(
            model: residentModel,
            addresses: doubles.map(\.address),
            configuration: configuration,
            seed: 1,
            clock: clock,
            logger: silentLogger
        )
        let outcome: Result<Void, any Error>
        do {
            try await fleet.check()
            try await body(ResidentStage(doubles: doubles, fleet: fleet, clock: clock))
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        fleet.close()
        for double in doubles { await double.close() }
        try outcome.get()
    }

    static var residentModel: EncoderDescription {
        get throws {
            let yaml = TinyBundle.validYAML.replacing(
                "  state_policy: carried",
                with:
                    "  resident: { triton_model: tiny-encoder-resident }\n  state_policy: resident"
            )
            return try TinyModel(TinyBundle(yaml: yaml)).bundle.description.encoder
        }
    }

    /// The double where a stream's state is.
    func home(of stream: ResidentTestStream) throws -> SequenceDouble {
        try #require(doubles.first { !$0.record.open.isEmpty }, "the stream lives nowhere")
    }

    /// Waits until every sequence that was started is ended, each at the double where it was.
    func everySequenceEnded(sourceLocation: SourceLocation = #_sourceLocation) async {
        await fleet.drain()
        for double in doubles {
            while !double.record.open.isEmpty, !Task.isCancelled { await Task.yield() }
            #expect(double.record.reused.isEmpty, sourceLocation: sourceLocation)
        }
    }
}

/// A stream of random chunks, each beginning with the last frame of the one before: what the fleet
/// makes of it and what it must make of it.
struct ResidentTestStream {
    private var random: SplitMix64
    private let stream: any EncoderStream
    private(set) var reference = TinyEncoder()
    private var lastFrame: [Float]

    init(seed: UInt64, on fleet: Fleet) throws {
        random = SplitMix64(seed: seed)
        lastFrame = random.floats(4, in: -8...8)
        stream = try fleet.openStream()
    }

    mutating func makeChunk() -> [Float] {
        let chunk = lastFrame + random.floats(TinyEncoder.featureCount - 4, in: -8...8)
        lastFrame = Array(chunk.suffix(4))
        return chunk
    }

    /// Runs chunks and compares what they gave with the reference.
    mutating func run(
        _ count: Int = 1,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for _ in 0..<count { try await run(makeChunk(), sourceLocation: sourceLocation) }
    }

    mutating func run(
        _ chunk: [Float],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let output = try await stream.encode(chunk)
        #expect(output.values == reference.encode(chunk), sourceLocation: sourceLocation)
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

    func end() { stream.end() }
}
