/// What happens to the streams of a load, added up. Memory is bounded, however long it lasts.
///
/// Every time is one since the load began.
public struct LoadLedger: Sendable {
    /// How a stream ended.
    public enum Outcome: Sendable {
        /// With OK. `difference` is what differs from the undisturbed finals, if anything does.
        case completed(StreamFinals, difference: String?, WordErrors?)
        /// Not let in.
        case refused(after: Duration)
        /// With another status, or not at all.
        case failed(code: String, message: String)
        /// Ended by the load itself, which it outlived in silence.
        case silent
    }

    /// A failure or difference that is told in words.
    public struct Example: Sendable, Codable, Equatable {
        public var atSeconds: Double
        public var recording: String
        public var what: String
    }

    /// No more than these are kept.
    public static let maximumExamples = 20

    public private(set) var timeline = LoadTimeline()
    public private(set) var chunk = LatencyHistogram()
    public private(set) var final = LatencyHistogram()
    public private(set) var refusal = LatencyHistogram()
    /// How long after their time messages were sent.
    public private(set) var lateness = LatencyHistogram()

    public private(set) var open = 0
    public private(set) var openPeak = 0
    public private(set) var speaking = 0
    public private(set) var opened = 0
    public private(set) var completed = 0
    public private(set) var refused = 0
    public private(set) var silent = 0
    public private(set) var failuresByCode: [String: Int] = [:]
    public private(set) var finals = 0
    public private(set) var differing = 0
    public private(set) var repeatedFinals = 0
    public private(set) var withoutFinal = 0
    public private(set) var audioSeconds = 0.0
    public private(set) var words = WordErrors()
    public private(set) var examples: [Example] = []

    public private(set) var serverFirst: ProcessUsage?
    public private(set) var serverLast: ProcessUsage?
    public private(set) var serverResidentPeak = 0

    /// Since they were last taken, for a line that tells of the moment.
    private var recentChunk = LatencyHistogram()
    private var recentFinal = LatencyHistogram()

    public init() {}

    public var failed: Int { failuresByCode.values.reduce(0, +) }

    public mutating func streamOpened(at elapsed: Duration) {
        opened += 1
        open += 1
        openPeak = max(openPeak, open)
        update(at: elapsed) { $0.openPeak = max($0.openPeak, $1.open) }
    }

    public mutating func speakingBegan(at elapsed: Duration) {
        speaking += 1
        update(at: elapsed) { $0.speakingPeak = max($0.speakingPeak, $1.speaking) }
    }

    public mutating func speakingEnded(at elapsed: Duration) {
        speaking -= 1
        update(at: elapsed) { _, _ in }
    }

    /// A message went out. `lateness` is nil where no message has a time of its own.
    public mutating func audioSent(seconds: Double, lateness: Duration?, at elapsed: Duration) {
        audioSeconds += seconds
        if let lateness { self.lateness.record(lateness) }
        update(at: elapsed) { interval, _ in interval.audioSeconds += seconds }
    }

    /// A result came this long after the last of the audio it needed was sent.
    public mutating func chunkResult(_ latency: Duration, at elapsed: Duration) {
        chunk.record(latency)
        recentChunk.record(latency)
        update(at: elapsed) { interval, _ in interval.chunk.record(latency) }
    }

    /// The last final came this long after the end of the audio was announced.
    public mutating func lastFinal(_ latency: Duration, at elapsed: Duration) {
        final.record(latency)
        recentFinal.record(latency)
        update(at: elapsed) { interval, _ in interval.final.record(latency) }
    }

    public mutating func streamEnded(
        _ outcome: Outcome,
        recording: String,
        at elapsed: Duration
    ) {
        open -= 1
        func note(_ what: String) {
            guard examples.count < Self.maximumExamples else { return }
            examples.append(
                Example(atSeconds: elapsed.inSeconds, recording: recording, what: what)
            )
        }
        switch outcome {
        case .completed(let finals, let difference, let words):
            completed += 1
            self.finals += finals.segments.count
            repeatedFinals += finals.repeatedCount
            if finals.repeatedCount > 0 { note("a final came twice") }
            if let words { self.words += words }
            if finals.isEmpty {
                withoutFinal += 1
                note("ended without a final")
            } else if let difference {
                differing += 1
                note(difference)
            }
            let differs = difference != nil && !finals.isEmpty
            update(at: elapsed) { interval, _ in
                interval.completed += 1
                interval.differing += differs ? 1 : 0
            }
        case .refused(let latency):
            refused += 1
            refusal.record(latency)
            update(at: elapsed) { interval, _ in interval.refused += 1 }
        case .failed(let code, let message):
            failuresByCode[code, default: 0] += 1
            note(message.isEmpty ? code : "\(code): \(message)")
            update(at: elapsed) { interval, _ in interval.failed += 1 }
        case .silent:
            silent += 1
            update(at: elapsed) { _, _ in }
        }
    }

    /// Time has passed: an interval in which nothing happens still has its open streams.
    public mutating func tick(at elapsed: Duration) {
        update(at: elapsed) { _, _ in }
    }

    /// What the server's processes have used up to now, all together.
    public mutating func serverSampled(_ usage: ProcessUsage, at elapsed: Duration) {
        let used = serverLast.map { max(0, usage.cpuSeconds - $0.cpuSeconds) }
        if serverFirst == nil { serverFirst = usage }
        serverLast = usage
        serverResidentPeak = max(serverResidentPeak, usage.residentBytes)
        guard let used else { return }
        update(at: elapsed) { interval, _ in
            interval.serverCPUSeconds = (interval.serverCPUSeconds ?? 0) + used
            interval.serverResidentBytes = max(
                interval.serverResidentBytes ?? 0,
                usage.residentBytes
            )
        }
    }

    /// The latencies since this was last asked.
    public mutating func takeRecent() -> (chunk: LatencyHistogram, final: LatencyHistogram) {
        defer {
            recentChunk = LatencyHistogram()
            recentFinal = LatencyHistogram()
        }
        return (recentChunk, recentFinal)
    }

    private mutating func update(
        at elapsed: Duration,
        _ change: (inout LoadTimeline.Interval, (open: Int, speaking: Int)) -> Void
    ) {
        let gauges = (open: open, speaking: speaking)
        var standing = LoadTimeline.Interval()
        standing.openPeak = open
        standing.speakingPeak = speaking
        timeline.update(at: elapsed, standing: standing) { change(&$0, gauges) }
    }
}

extension Duration {
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
