internal import ArgumentParser
internal import Foundation
internal import GRPCTransport
internal import Logging
internal import ModelBundle
internal import Operations
internal import StrictYAML
internal import StubEncoder

struct StubEncoderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stub-encoder",
        abstract: "Stand in for a Triton with an encoder, to load the server without its cost.",
        discussion: """
            Serves both of the encoder's models, the one that is given its states with each chunk \
            and the one that keeps them, and answers with what was recorded from a real one. \
            Record with --record-from and the recordings that will be played; they are known by \
            their features from the beginning on, so play them from the beginning, to the end, \
            without skipping silence. What was not recorded is answered with silence.

            Requests run on --concurrency places, each taking --delay; others wait. The capacity \
            is concurrency / delay requests a second; a request of n chunks takes n times \
            --per-row-delay longer.

            SIGTERM and SIGINT end it in order and have it say what it served.
            """
    )

    @Option(help: "The bundle whose encoder it stands in for: the directory with model.yaml.")
    var bundle: String

    @Option(help: ArgumentHelp("The encoder's recorded outputs.", valueName: "file"))
    var recording: String

    @Option(
        help: ArgumentHelp(
            "Record from this Triton, which serves the carried model, instead of serving.",
            valueName: "host:port"
        )
    )
    var recordFrom: String?

    @Option(help: ArgumentHelp("Where to listen; port 0 is any.", valueName: "host:port"))
    var listen = "127.0.0.1:0"

    @Option(help: "Which of the two models to serve: carried, resident or both.")
    var policy = ServedPolicies.both

    @Option(help: "Rows of the largest request that the carried model takes, 1 to 1024.")
    var maximumBatch = 64

    @Option(help: "Requests that run at the same time, 1 to 65536.")
    var concurrency = 64

    @Option(help: "How long a request takes, as in 20ms.", transform: duration)
    var delay = Duration.milliseconds(20)

    @Option(help: "How much longer each chunk in it makes a request.", transform: duration)
    var perRowDelay = Duration.zero

    @Option(help: "How much shorter or longer a request may take.", transform: duration)
    var jitter = Duration.zero

    @Option(help: "The share of requests that fail, 0 to 1.")
    var errorRate = 0.0

    @Option(help: "The share of requests that take --stall longer, 0 to 1.")
    var stallRate = 0.0

    @Option(help: "How much longer those take that stall.", transform: duration)
    var stall = Duration.seconds(10)

    @Option(help: "What jitter, errors and stalls are drawn from.")
    var seed: UInt64 = 1

    @Option(help: "Sequences that the resident model keeps at a time, 1 to 1000000.")
    var maximumSequences = 16_384

    @Option(help: "A sequence without a request for longer is dropped.", transform: duration)
    var sequenceIdle = Duration.seconds(60)

    @Option(help: "How long requests may go on once it is told to stop.", transform: duration)
    var grace = Duration.seconds(30)

    @Argument(help: ArgumentHelp("With --record-from, the recordings: WAV.", valueName: "wav"))
    var files: [String] = []

    func validate() throws {
        try check(concurrency, in: 1...65_536, "--concurrency")
        try check(maximumBatch, in: 1...1_024, "--maximum-batch")
        try check(maximumSequences, in: 1...1_000_000, "--maximum-sequences")
        try check(errorRate, in: 0...1, "--error-rate")
        try check(stallRate, in: 0...1, "--stall-rate")
        guard errorRate + stallRate <= 1 else {
            throw ValidationError("--error-rate and --stall-rate are more than 1 together.")
        }
        guard files.isEmpty == (recordFrom == nil) else {
            throw ValidationError("Recordings are named with --record-from, and only with it.")
        }
    }

    private func check<Value>(
        _ value: Value,
        in range: ClosedRange<Value>,
        _ option: String
    ) throws {
        guard range.contains(value) else {
            throw ValidationError(
                "\(option) must be from \(range.lowerBound) to \(range.upperBound)."
            )
        }
    }

    func run() async throws {
        let bundle = try ModelBundle.load(directory: bundle)
        let encoder = try ServedEncoder(
            bundle.description.encoder,
            maximumBatch: maximumBatch
        )
        if let recordFrom {
            try await record(bundle, encoder, from: recordFrom)
        } else {
            try await serve(encoder)
        }
    }

    private func record(
        _ bundle: ModelBundle,
        _ encoder: ServedEncoder,
        from address: String
    ) async throws {
        var recorder = try await EncoderRecorder(
            encoder: encoder,
            filterbank: bundle.filterbankConfiguration,
            address: address
        )
        defer { recorder.close() }
        for file in files {
            do {
                let audio = try Recording(path: file)
                try await recorder.record(
                    audio: [UInt8](audio.samples),
                    sampleRateHertz: audio.sampleRateHertz
                )
            } catch {
                throw CommandError("\(file): \(error)")
            }
        }
        try recorder.recording.save(file: recording)
        print("\(recording): \(recorder.recording.chunkCount) chunks of \(files.count) recordings")
    }

    private func serve(_ encoder: ServedEncoder) async throws {
        LoggingSystem.bootstrapStandardError(level: .info)
        let logger = Logger(label: "martlet")
        let server = try StubEncoderServer(
            encoder: encoder,
            recording: try EncoderRecording.load(file: recording),
            configuration: settings
        )
        logger.notice(
            "serving",
            metadata: [
                "address": "\(listen.prefix { $0 != ":" }):\(server.port)",
                "models": "\(policy.policies.map(encoder.name).sorted().joined(separator: ","))",
            ]
        )
        let signals = TerminationSignals()
        let signal = await signals.first()
        logger.notice("shutting down", metadata: ["signal": "\(signal)"])
        await server.shutdown(gracePeriod: grace)
        logger.notice("served", metadata: server.counts.metadata)
    }

    private var settings: StubEncoderServer.Configuration {
        var settings = StubEncoderServer.Configuration()
        settings.listenAddress = listen
        settings.policies = policy.policies
        settings.schedule.concurrency = concurrency
        settings.schedule.delay = delay
        settings.schedule.delayPerRow = perRowDelay
        settings.schedule.jitter = jitter
        settings.schedule.errorRate = errorRate
        settings.schedule.stallRate = stallRate
        settings.schedule.stall = stall
        settings.seed = seed
        settings.maximumSequences = maximumSequences
        settings.maximumSequenceIdle = sequenceIdle
        return settings
    }
}

/// The models that are served.
enum ServedPolicies: String, ExpressibleByArgument, CaseIterable {
    case carried
    case resident
    case both

    var policies: Set<ServedEncoder.Policy> {
        switch self {
        case .carried: [.carried]
        case .resident: [.resident]
        case .both: [.carried, .resident]
        }
    }
}

/// A duration as in a configuration, an hour at most.
private func duration(_ text: String) throws -> Duration {
    guard let duration = Duration(written: text), duration <= .seconds(3_600) else {
        throw ValidationError("expected a duration of up to an hour, such as 250ms, 1.5s, 2m")
    }
    return duration
}

extension StubEncoderCounts {
    fileprivate var metadata: Logger.Metadata {
        [
            "requests": "\(requests)", "rows": "\(rows)",
            "mean_batch": "\((meanBatch * 100).rounded() / 100)",
            "unknown_chains": "\(unknownChains)", "broken_states": "\(brokenStates)",
            "errors": "\(drawnErrors)", "stalls": "\(drawnStalls)", "refused": "\(refused)",
            "abandoned": "\(abandoned)", "sequences_opened": "\(sequences.opened)",
            "sequences_ended": "\(sequences.ended)", "sequences_reaped": "\(sequences.reaped)",
            "sequences_leaked": "\(openSequences)",
        ]
    }
}
