public import Foundation

/// What a load has shown: everything that the JSON file and the page tell.
public struct LoadReport: Sendable, Codable, Equatable {
    /// What was asked for.
    public struct Settings: Sendable, Codable, Equatable {
        public var servers: [String]
        public var model: String
        public var streams: Int
        /// How many of the streams speak at a time.
        public var speaking: Int
        /// Whether audio was sent at the speed at which it was spoken.
        public var realTime: Bool
        public var durationSeconds: Double
        public var rampSeconds: Double
        public var messageMilliseconds: Int
        public var connections: Int
        public var interimResults: Bool
        public var recordings: Int
        public var seed: UInt64

        public init(
            servers: [String],
            model: String,
            streams: Int,
            speaking: Int,
            realTime: Bool,
            durationSeconds: Double,
            rampSeconds: Double,
            messageMilliseconds: Int,
            connections: Int,
            interimResults: Bool,
            recordings: Int,
            seed: UInt64
        ) {
            self.servers = servers
            self.model = model
            self.streams = streams
            self.speaking = speaking
            self.realTime = realTime
            self.durationSeconds = durationSeconds
            self.rampSeconds = rampSeconds
            self.messageMilliseconds = messageMilliseconds
            self.connections = connections
            self.interimResults = interimResults
            self.recordings = recordings
            self.seed = seed
        }
    }

    public struct Streams: Sendable, Codable, Equatable {
        public var openPeak: Int
        public var opened: Int
        public var completed: Int
        public var refused: Int
        public var failed: Int
        public var failuresByCode: [String: Int]
        /// Still open and silent when the load was over.
        public var silentAtEnd: Int
    }

    public struct Finals: Sendable, Codable, Equatable {
        /// Whether they were compared with undisturbed ones.
        public var compared: Bool
        public var total: Int
        /// Streams whose finals are not the undisturbed ones.
        public var streamsDiffering: Int
        public var repeated: Int
        public var streamsWithout: Int
    }

    public struct Words: Sendable, Codable, Equatable {
        public var said: Int
        public var errors: Int
        public var errorRate: Double
    }

    public struct Throughput: Sendable, Codable, Equatable {
        public var audioSeconds: Double
        public var audioSecondsPerSecond: Double
        public var streamsPerSecond: Double
    }

    public struct Server: Sendable, Codable, Equatable {
        public var processes: [Int]
        public var cpuSeconds: Double
        public var cpuSecondsPerAudioSecond: Double?
        public var residentBytesBefore: Int
        public var residentBytesAtEnd: Int
        public var residentBytesPeak: Int
        /// What it grew by, for each stream that was open at the peak.
        public var residentBytesPerStream: Int?
    }

    /// The load generator itself.
    public struct Generator: Sendable, Codable, Equatable {
        public var cpuSeconds: Double
        public var cpuSecondsPerAudioSecond: Double?
        /// Cores in use, on average.
        public var cores: Double
        public var residentBytes: Int
        /// How long after their time messages were sent.
        public var lateness: Latency
    }

    /// One stretch of time.
    public struct Moment: Sendable, Codable, Equatable {
        public struct Quantiles: Sendable, Codable, Equatable {
            public var count: Int
            public var p50: Double
            public var p95: Double
            public var p99: Double

            init?(_ histogram: LatencyHistogram) {
                let latency = Latency(histogram)
                guard let p50 = latency.p50, let p95 = latency.p95, let p99 = latency.p99 else {
                    return nil
                }
                (count, self.p50, self.p95, self.p99) = (latency.count, p50, p95, p99)
            }
        }

        public var second: Int
        public var chunk: Quantiles?
        public var final: Quantiles?
        public var open: Int
        public var speaking: Int
        public var completed: Int
        public var refused: Int
        public var failed: Int
        public var differing: Int
        public var audioSeconds: Double
        public var serverCores: Double?
        public var serverResidentBytes: Int?
    }

    /// ISO 8601, in UTC.
    public var started: String
    public var elapsedSeconds: Double
    public var settings: Settings
    public var streams: Streams
    /// From the sending of the audio that a result needed to the result.
    public var chunkLatency: Latency
    /// From the end of the audio to the last final.
    public var finalLatency: Latency
    /// From the opening of a stream to its refusal.
    public var refusalLatency: Latency
    public var finals: Finals
    public var words: Words?
    public var throughput: Throughput
    public var server: Server?
    /// CPU time of a bare grpc++ echo of the same messages; nil where none was asked for.
    public var echoCPUSecondsPerAudioSecond: Double?
    public var generator: Generator
    public var secondsPerMoment: Int
    public var timeline: [Moment]
    public var examples: [LoadLedger.Example]

    public init(
        _ ledger: LoadLedger,
        settings: Settings,
        started: Date,
        elapsed: Duration,
        compared: Bool,
        serverProcesses: [Int],
        generator usage: ProcessUsage
    ) {
        let seconds = max(elapsed.inSeconds, 1e-9)
        func perAudioSecond(_ cpuSeconds: Double) -> Double? {
            ledger.audioSeconds > 0 ? cpuSeconds / ledger.audioSeconds : nil
        }
        self.started = started.formatted(.iso8601)
        elapsedSeconds = seconds
        self.settings = settings
        streams = Streams(
            openPeak: ledger.openPeak,
            opened: ledger.opened,
            completed: ledger.completed,
            refused: ledger.refused,
            failed: ledger.failed,
            failuresByCode: ledger.failuresByCode,
            silentAtEnd: ledger.silent
        )
        chunkLatency = Latency(ledger.chunk)
        finalLatency = Latency(ledger.final)
        refusalLatency = Latency(ledger.refusal)
        finals = Finals(
            compared: compared,
            total: ledger.finals,
            streamsDiffering: ledger.differing,
            repeated: ledger.repeatedFinals,
            streamsWithout: ledger.withoutFinal
        )
        words = ledger.words.rate.map {
            Words(
                said: ledger.words.referenceCount,
                errors: ledger.words.errorCount,
                errorRate: $0
            )
        }
        throughput = Throughput(
            audioSeconds: ledger.audioSeconds,
            audioSecondsPerSecond: ledger.audioSeconds / seconds,
            streamsPerSecond: Double(ledger.completed) / seconds
        )
        if let first = ledger.serverFirst, let last = ledger.serverLast {
            let cpuSeconds = max(0, last.cpuSeconds - first.cpuSeconds)
            server = Server(
                processes: serverProcesses,
                cpuSeconds: cpuSeconds,
                cpuSecondsPerAudioSecond: perAudioSecond(cpuSeconds),
                residentBytesBefore: first.residentBytes,
                residentBytesAtEnd: last.residentBytes,
                residentBytesPeak: ledger.serverResidentPeak,
                residentBytesPerStream: ledger.openPeak > 0
                    ? max(0, ledger.serverResidentPeak - first.residentBytes) / ledger.openPeak
                    : nil
            )
        }
        generator = Generator(
            cpuSeconds: usage.cpuSeconds,
            cpuSecondsPerAudioSecond: perAudioSecond(usage.cpuSeconds),
            cores: usage.cpuSeconds / seconds,
            residentBytes: usage.residentBytes,
            lateness: Latency(ledger.lateness)
        )
        let timeline = ledger.timeline
        secondsPerMoment = timeline.secondsPerInterval
        self.timeline = timeline.intervals.enumerated().map { index, interval in
            Moment(
                second: index * timeline.secondsPerInterval,
                chunk: Moment.Quantiles(interval.chunk),
                final: Moment.Quantiles(interval.final),
                open: interval.openPeak,
                speaking: interval.speakingPeak,
                completed: interval.completed,
                refused: interval.refused,
                failed: interval.failed,
                differing: interval.differing,
                audioSeconds: interval.audioSeconds,
                serverCores: interval.serverCPUSeconds.map {
                    $0 / Double(timeline.secondsPerInterval)
                },
                serverResidentBytes: interval.serverResidentBytes
            )
        }
        examples = ledger.examples
    }

    /// What went wrong, in a line; nil when nothing did. A stream that was refused is no failure.
    public var fault: String? {
        var faults: [String] = []
        if streams.failed > 0 {
            let codes = streams.failuresByCode.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
                .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            faults.append("\(Self.counted(streams.failed, "stream")) failed (\(codes))")
        }
        if finals.streamsDiffering > 0 {
            faults.append(
                "\(Self.counted(finals.streamsDiffering, "stream")) with finals that differ "
                    + "from the undisturbed run"
            )
        }
        if finals.repeated > 0 {
            faults.append("\(Self.counted(finals.repeated, "final")) came twice")
        }
        if finals.streamsWithout > 0 {
            faults.append("\(Self.counted(finals.streamsWithout, "stream")) without a final")
        }
        if streams.completed == 0, faults.isEmpty {
            faults.append(
                streams.refused > 0 ? "every stream was refused" : "no stream was completed"
            )
        }
        return faults.isEmpty ? nil : faults.joined(separator: "; ")
    }

    private static func counted(_ count: Int, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}
