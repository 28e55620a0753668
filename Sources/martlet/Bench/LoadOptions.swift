internal import ArgumentParser
internal import LoadGeneration

/// How much a load generator does, as flags.
struct LoadOptions: ParsableArguments {
    /// A time as in `90`, `1.5s`, `250ms`, `5m` or `1h`.
    struct Time: ExpressibleByArgument {
        let value: Duration

        init?(argument: String) {
            let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]
            let unit = units.first { argument.hasSuffix($0.0) } ?? ("", 1)
            guard let number = Double(argument.dropLast(unit.0.count)), number >= 0, number < 1e6
            else { return nil }
            value = .seconds(number * unit.1)
        }

        init(_ value: Duration) {
            self.value = value
        }

        var defaultValueDescription: String { "\(value)" }
    }

    @Option(help: "Streams that are open at a time, 1 to 100000.")
    var streams = 8

    @Option(help: "Streams that speak at a time. Default: all.")
    var speaking: Int?

    @Option(help: "How long streams are started.")
    var duration = Time(.seconds(30))

    @Option(help: "The time over which the first streams are opened, evenly.")
    var ramp = Time(.zero)

    @Flag(
        help: "Send audio as fast as the server takes it, not at the speed at which it was spoken."
    )
    var asFastAsPossible = false

    @Option(
        name: .customLong("message-ms"),
        help: "Milliseconds of audio in a message, 1 to 10000."
    )
    var messageMilliseconds = 320

    @Option(
        help: """
            Connections over which the streams are spread. Default: one for each 250 streams, and at \
            least one for each server.
            """
    )
    var connections: Int?

    @Flag(
        inversion: .prefixedNo,
        help: "Ask for interim results, which tell the latency of chunks before the last."
    )
    var interim = true

    @Option(help: "Makes the same choices again. Default: a random one, which is printed.")
    var seed: UInt64?

    private static let streamsPerConnection = 250

    func validate() throws {
        guard (1...100_000).contains(streams) else {
            throw ValidationError("--streams must be from 1 to 100000.")
        }
        guard (1...streams).contains(speakingCount) else {
            throw ValidationError("--speaking must be from 1 to --streams.")
        }
        guard (1...10_000).contains(messageMilliseconds) else {
            throw ValidationError("--message-ms must be from 1 to 10000.")
        }
        guard (1...10_000).contains(connections ?? 1) else {
            throw ValidationError("--connections must be from 1 to 10000.")
        }
        guard duration.value > .zero, ramp.value <= duration.value else {
            throw ValidationError("--duration must be above 0 and at least --ramp.")
        }
    }

    var speakingCount: Int { speaking ?? streams }

    func connectionCount(serverCount: Int) -> Int {
        connections
            ?? max(
                serverCount,
                (streams + Self.streamsPerConnection - 1) / Self.streamsPerConnection
            )
    }

    func plan(recordingCount: Int) -> LoadPlan {
        LoadPlan(
            slotCount: streams,
            recordingCount: recordingCount,
            ramp: ramp.value,
            messageDuration: .milliseconds(messageMilliseconds),
            seed: seed ?? UInt64.random(in: 0..<1 << 53)
        )
    }

    func settings(
        servers: [String],
        model: String,
        recordings: Int,
        seed: UInt64
    ) -> LoadReport.Settings {
        LoadReport.Settings(
            servers: servers,
            model: model,
            streams: streams,
            speaking: speakingCount,
            realTime: !asFastAsPossible,
            durationSeconds: duration.value.seconds,
            rampSeconds: ramp.value.seconds,
            messageMilliseconds: messageMilliseconds,
            connections: connectionCount(serverCount: servers.count),
            interimResults: interim,
            recordings: recordings,
            seed: seed
        )
    }
}
