internal import Fleet
public import GRPCTransport
public import Logging
public import Recognition

/// A Martlet: its services on a port, over its models.
public final class SpeechServer: Sendable {
    public struct Configuration: Sendable {
        public var transport = Server.Configuration()
        public var limits = StreamLimits()

        public init() {}
    }

    private let models: ModelDirectory
    private let health: HealthService
    private let server: Server

    /// Opens the port and begins to serve.
    ///
    /// - Parameter models: At least one, with distinct names; the first is the default.
    /// - Throws: `RPCError` naming the address when the port cannot be opened.
    public convenience init(
        models: [SpeechModel],
        configuration: Configuration,
        logger: Logger
    ) throws {
        try self.init(
            models: models,
            configuration: configuration,
            clock: ContinuousClock(),
            logger: logger
        )
    }

    /// - Parameter clock: Times the streams.
    package init<C: Clock>(
        models: [SpeechModel],
        configuration: Configuration,
        clock: C,
        logger: Logger
    ) throws where C.Duration == Duration {
        self.models = ModelDirectory(models)
        let index = try DescriptorIndex.served()
        if let model = models.first(where: { index.services.contains($0.name) }) {
            throw RecognitionError(
                .invalidConfig,
                "a model cannot be called \"\(model.name)\", the name of a service; rename it",
                origin: .proxy
            )
        }
        health = HealthService(
            models: models.map { ($0.name, $0.fleet.readiness) },
            services: index.services
        )
        let recognizer = RecognizerService(
            models: self.models,
            limits: configuration.limits,
            clock: clock,
            logger: logger
        )
        var handlers = recognizer.handlers
        let first = FirstMessage(limits: configuration.limits, clock: clock)
        let reflection = ReflectionService(index)
        for more in [
            health.handlers(first),
            reflection.handlers(limits: configuration.limits, clock: clock),
        ] {
            handlers.merge(more) { _, _ in preconditionFailure("a method is served twice") }
        }
        server = try Server(configuration: configuration.transport, methods: handlers)
    }

    /// The port that was opened.
    public var port: Int { server.port }

    /// Watches the endpoints and keeps health up to date until the task is cancelled.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.health.run() }
            for model in models.all {
                group.addTask { await model.fleet.watch() }
            }
        }
    }

    /// Says NOT_SERVING, refuses new calls, lets streams end for as long as the grace lasts and
    /// then cancels them. Returns when no call is left.
    public func shutdown(gracePeriod: Duration) async {
        health.stop()
        await server.shutdown(gracePeriod: gracePeriod)
        for model in models.all {
            await model.fleet.drain()
            model.fleet.close()
        }
    }
}
