internal import ArgumentParser
internal import Decoding
internal import Dispatch
internal import Fleet
internal import Foundation
internal import GRPCTransport
internal import Logging
internal import ModelBundle
internal import Operations
internal import Recognition
internal import Service

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the server.",
        discussion: """
            Settings come from the configuration file, then from the environment, then from flags; \
            the last one holds. An environment variable names a setting in capitals, with two \
            underscores between its parts: MARTLET_SERVER__LISTEN sets server.listen. \
            Config/martlet.yaml in the source documents every setting.

            SIGTERM and SIGINT end the server in order: health turns to NOT_SERVING, new calls are \
            refused, open streams may go on for server.shutdown_grace. A second signal ends it at \
            once.
            """
    )

    @Option(help: ArgumentHelp("The configuration file, YAML.", valueName: "file"))
    var config: String

    @Option(help: ArgumentHelp("Where to listen; sets server.listen.", valueName: "host:port"))
    var listen: String?

    @Option(
        help: ArgumentHelp("Where to serve operators; sets server.admin.", valueName: "host:port")
    )
    var admin: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "Override a setting, as in server.log_level=debug. May be repeated.",
            valueName: "path=value"
        )
    )
    var settings: [String] = []

    func run() async throws {
        var overrides = try settings.map { try ConfigurationOverride(assignment: $0) }
        if let listen {
            overrides.append(
                ConfigurationOverride(keys: ["server", "listen"], value: listen, flag: "--listen")
            )
        }
        if let admin {
            overrides.append(
                ConfigurationOverride(keys: ["server", "admin"], value: admin, flag: "--admin")
            )
        }
        let configuration = try Configuration.load(file: config, overrides: overrides)
        LoggingSystem.bootstrapStandardError(level: configuration.server.logLevel)
        let logger = Logger(label: "martlet")

        let models = try configuration.models.map { try Self.model($0, logger) }
        try await Self.check(models)
        let server: SpeechServer
        var operators: AdminServer?
        do {
            operators = try configuration.server.adminAddress.map { address in
                var transport = Server.Configuration()
                transport.listenAddress = address
                return try AdminServer(models: models, transport: transport)
            }
            server = try SpeechServer(
                models: models,
                configuration: .init(configuration),
                logger: logger
            )
        } catch {
            // Their connections have threads that must not outlive the process's orderly end.
            for model in models { model.fleet.close() }
            await operators?.shutdown()
            throw error
        }
        logger.notice(
            "serving",
            metadata: [
                "address": "\(configuration.server.listenAddress.withPort(server.port))",
                "models": "\(models.map(\.name).joined(separator: ","))",
            ]
        )

        if let operators, let address = configuration.server.adminAddress {
            logger.notice(
                "open to operators",
                metadata: ["address": "\(address.withPort(operators.port))"]
            )
        }

        let signals = TerminationSignals()
        let watching = Task { await server.run() }
        let signal = await signals.first()
        logger.notice("shutting down", metadata: ["signal": "\(signal)"])
        await server.shutdown(gracePeriod: configuration.server.shutdownGrace)
        watching.cancel()
        await operators?.shutdown()
        logger.notice("stopped")
    }

    private static func model(
        _ settings: Configuration.Model,
        _ logger: Logger
    ) throws -> SpeechModel {
        var fleet = Fleet.Configuration(settings.fleet)
        fleet.resolveInterval = settings.resolveInterval
        fleet.transport.tls = try settings.tls.map { try Channel.TLS($0) }
        let bundle = try ModelBundle.load(directory: settings.bundleDirectory)
        return try SpeechModel(
            name: settings.name,
            bundle: bundle,
            endpoints: settings.endpoints,
            languageModels: try settings.languageModels.map {
                try ServedLanguageModel($0, vocabulary: bundle.vocabulary)
            },
            outputCase: OutputCase(settings.outputCase),
            statePolicy: settings.fleet.statePolicy.map(EncoderDescription.StatePolicy.init),
            fleetConfiguration: fleet,
            logger: logger
        )
    }

    /// Asks every endpoint that can be reached whether it serves the model that its bundle says.
    private static func check(_ models: [SpeechModel]) async throws {
        for model in models {
            do {
                try await model.fleet.check()
            } catch {
                throw CommandError("model \"\(model.name)\" at \(error)")
            }
        }
    }
}

extension SpeechServer.Configuration {
    fileprivate init(_ configuration: Operations.Configuration) {
        self.init()
        transport.listenAddress = configuration.server.listenAddress
        transport.maximumReceivedMessageBytes = configuration.server.maximumMessageBytes
        transport.maximumMetadataBytes = configuration.server.maximumMetadataBytes
        transport.maximumBufferedBytes = configuration.server.maximumBufferedBytes
        transport.keepaliveInterval = configuration.server.keepaliveTime
        transport.keepaliveTimeout = configuration.server.keepaliveTimeout
        transport.minimumPingInterval = configuration.server.minimumPingInterval
        limits.firstMessageTimeout = configuration.limits.firstMessageTimeout
        limits.idleTimeout = configuration.limits.idleTimeout
        limits.maximumStreamDuration =
            configuration.limits.maximumStreamDuration ?? StreamLimits.unlimited
        limits.maximumAudioDuration =
            configuration.limits.maximumAudioDuration ?? StreamLimits.unlimited
        limits.lastResultTimeout = configuration.limits.lastResultTimeout
        limits.maximumAlternatives = configuration.limits.maximumAlternatives
        limits.maximumBeamSize = configuration.limits.maximumBeamSize
        limits.maximumPhrases = configuration.limits.maximumPhrases
        limits.maximumStreams = configuration.server.maximumStreams
    }
}

extension OutputCase {
    fileprivate init(_ letters: Operations.Configuration.OutputCase) {
        switch letters {
        case .asIs: self = .asIs
        case .lower: self = .lower
        case .upper: self = .upper
        }
    }
}

extension String {
    /// The address with the port that was opened, which differs where port 0 was asked for.
    fileprivate func withPort(_ port: Int) -> String {
        guard let colon = lastIndex(of: ":") else { return self }
        return "\(self[..<colon]):\(port)"
    }
}

/// SIGTERM and SIGINT as events. A second one ends the process at once.
struct TerminationSignals {
    private let signals: AsyncStream<String>
    private let sources: [any DispatchSourceSignal]

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        signals = stream
        let numbers = [SIGTERM, SIGINT]
        sources = numbers.map { number in
            // The default action would end the process before the source hears of it.
            Foundation.signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                continuation.yield(number == SIGTERM ? "SIGTERM" : "SIGINT")
                for number in numbers { Foundation.signal(number, SIG_DFL) }
            }
            source.resume()
            return source
        }
    }

    func first() async -> String {
        for await signal in signals { return signal }
        return ""
    }
}
