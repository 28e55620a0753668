/// Whether the fleet has room for another stream, as a pure value.
///
/// A stream that speaks in real time does not slow down when servers are busy: one too many, and
/// the chunks of all wait longer and longer. What there is room for is measured and not configured: the
/// time that chunks take, queues included, is compared with what it was when there was little to do
/// (as TCP Vegas and Netflix's concurrency limits tell a queue from a long way), and the chunks a
/// second that were run while it was too long are the capacity.
///
///     latency beyond the headroom              no stream is let in, and the capacity is known
///     beyond half of it, or the chunks of the
///     open streams near the known capacity     a few a second are, to feel the way
///     otherwise                                streams are let in
///
/// The latency is the median of the latest chunks, because those that waited for a server that
/// failed say nothing about how busy the others are. Streams that send faster than real time slow down
/// by themselves and are not looked at.
package struct AdmissionControl: Sendable {
    package struct Settings: Sendable, Equatable {
        /// How much longer than unloaded a chunk may take before new streams are refused; and as
        /// long again as unloaded, where that is more.
        package var headroom: Duration = .milliseconds(80)
        /// New streams a second while the way is felt, as a share of the open ones; at least one.
        package var pace = 0.02
        /// The share of the known capacity up to which streams are let in freely.
        package var freeShare = 0.9
        /// The time from one chunk of a stream to the next.
        package var chunkShift: Duration = .milliseconds(320)
        /// Streams that may be open, whatever has been measured; nil for any number.
        package var maximumStreams: Int?

        package init() {}
    }

    /// Why a stream is not let in.
    package enum Refusal: Sendable, Equatable {
        case full(streams: Int)
        /// Chunks take so long, where `limit` would be tolerable.
        case slow(latency: Duration, limit: Duration)
    }

    private struct Sample {
        var time: Duration
        var latency: Duration
    }

    private let settings: Settings
    package private(set) var openStreams = 0
    /// The latest ones, a ring.
    private var samples: [Sample] = []
    private var nextSample = 0
    /// The least median so far, which rises slowly so that a fleet that has become slower for good
    /// is not taken for a busy one.
    private var unloaded: Duration?
    private var unloadedAt = Duration.zero
    private var tokens = 1.0
    private var tokensAt = Duration.zero
    /// Chunks a second that were run when they took too long; nil while they never did.
    package private(set) var capacity: Double?
    /// Chunks that were run, and streams that were let in, this second and the one before.
    private var chunks = SecondCount()
    private var openings = SecondCount()

    private static let maximumSamples = 64
    /// Fewer samples than this say nothing.
    private static let minimumSamples = 16
    /// Older samples are not looked at.
    private static let sampleLifetime = Duration.seconds(1)
    /// Streams whose audio comes faster than this, against real time, are not looked at.
    private static let maximumPace = 1.25
    /// By which share a second the unloaded latency rises.
    private static let unloadedDrift = 0.001

    package init(_ settings: Settings) {
        self.settings = settings
        samples.reserveCapacity(Self.maximumSamples)
    }

    /// A chunk was run.
    ///
    /// - Parameter pace: how fast the stream's audio has come, against real time.
    package mutating func note(latency: Duration, pace: Double = 1, at now: Duration) {
        chunks.add(at: now)
        guard pace <= Self.maximumPace else { return }
        let sample = Sample(time: now, latency: latency)
        if samples.count < Self.maximumSamples {
            samples.append(sample)
        } else {
            samples[nextSample] = sample
        }
        nextSample = (nextSample + 1) % Self.maximumSamples
        // Now and then, so that it is known before the first stream is refused.
        if nextSample.isMultiple(of: Self.minimumSamples) { _ = measure(at: now) }
    }

    /// A stream asks to be let in; it counts as open when it is.
    package mutating func open(at now: Duration) -> Refusal? {
        if let maximum = settings.maximumStreams, openStreams >= maximum {
            return .full(streams: openStreams)
        }
        if let (latency, limits) = measure(at: now) {
            if latency > limits.none { return .slow(latency: latency, limit: limits.none) }
            if latency > limits.free || isNearCapacity(at: now), !takeToken(at: now) {
                return .slow(latency: latency, limit: limits.free)
            }
        }
        openStreams += 1
        openings.add(at: now)
        return nil
    }

    /// Whether the chunks of the open streams, those of the latest included, come near to what can
    /// be run.
    private func isNearCapacity(at now: Duration) -> Bool {
        guard let capacity else { return false }
        let expected =
            chunks.rate(at: now) + openings.rate(at: now) / settings.chunkShift.seconds
        return expected > capacity * settings.freeShare
    }

    /// There are other servers than before: what they can do is to be found out.
    package mutating func forgetCapacity() {
        capacity = nil
    }

    /// An open stream brings its first chunk. Streams let in while nothing was known, all at once,
    /// are found to be too many here; one that is refused has lost nothing yet.
    package mutating func begin(at now: Duration) -> Refusal? {
        guard let (latency, limits) = measure(at: now), latency > limits.none else { return nil }
        return .slow(latency: latency, limit: limits.none)
    }

    package mutating func close() {
        openStreams -= 1
    }

    /// The median latency of chunks lately; nil when there were too few.
    package mutating func latency(at now: Duration) -> Duration? { measure(at: now)?.latency }

    private mutating func measure(
        at now: Duration
    ) -> (latency: Duration, limits: (free: Duration, none: Duration))? {
        let recent = samples.filter { now - $0.time <= Self.sampleLifetime }.map(\.latency)
        guard recent.count >= Self.minimumSamples else { return nil }
        let median = recent.sorted()[recent.count / 2]
        let drifted = unloaded.map {
            Duration.seconds(
                $0.seconds * (1 + Self.unloadedDrift * (now - unloadedAt).seconds)
            )
        }
        let base = min(median, drifted ?? median)
        unloaded = base
        unloadedAt = now
        let headroom = max(settings.headroom, base)
        let rate = chunks.rate(at: now)
        if median > base + headroom {
            capacity = rate
        } else if let known = capacity, rate > known {
            capacity = rate
        }
        return (median, (base + headroom / 2, base + headroom))
    }

    private mutating func takeToken(at now: Duration) -> Bool {
        let rate = max(1, Double(openStreams) * settings.pace)
        tokens = min(1, tokens + (now - tokensAt).seconds * rate)
        tokensAt = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}

/// How often something happened lately.
private struct SecondCount: Sendable {
    private var second = 0
    private var count = 0
    private var lastCount = 0

    mutating func add(at now: Duration) {
        turn(to: now)
        count += 1
    }

    /// A second, over the last second or so.
    func rate(at now: Duration) -> Double {
        var turned = self
        turned.turn(to: now)
        let part = now.seconds - Double(turned.second)
        return Double(turned.count) + Double(turned.lastCount) * (1 - part)
    }

    private mutating func turn(to now: Duration) {
        let present = Int(now.components.seconds)
        guard present != second else { return }
        lastCount = present == second + 1 ? count : 0
        count = 0
        second = present
    }
}
