/// What happened in each stretch of a load's time.
///
/// A stretch is a second to begin with. When there are too many, each two neighbours become one, so
/// that a load may last as long as it likes.
public struct LoadTimeline: Sendable {
    public struct Interval: Sendable {
        public var chunk = LatencyHistogram()
        public var final = LatencyHistogram()
        /// The most streams that were open, and that spoke, at a time.
        public var openPeak = 0
        public var speakingPeak = 0
        public var completed = 0
        public var refused = 0
        public var failed = 0
        public var differing = 0
        public var audioSeconds = 0.0
        /// What the server used in this time; nil where nobody looked.
        public var serverCPUSeconds: Double?
        public var serverResidentBytes: Int?

        public init() {}

        mutating func merge(_ later: Interval) {
            chunk.merge(later.chunk)
            final.merge(later.final)
            openPeak = max(openPeak, later.openPeak)
            speakingPeak = max(speakingPeak, later.speakingPeak)
            completed += later.completed
            refused += later.refused
            failed += later.failed
            differing += later.differing
            audioSeconds += later.audioSeconds
            serverCPUSeconds = sum(serverCPUSeconds, later.serverCPUSeconds)
            serverResidentBytes = [serverResidentBytes, later.serverResidentBytes]
                .compactMap(\.self).max()
        }

        private func sum(_ left: Double?, _ right: Double?) -> Double? {
            guard let left, let right else { return left ?? right }
            return left + right
        }
    }

    /// More intervals than these are halved.
    public static let maximumIntervals = 240

    public private(set) var intervals: [Interval] = []
    /// How long each interval is.
    public private(set) var secondsPerInterval = 1

    public init() {}

    /// Changes the interval in which `elapsed`, the time since the load began, lies. Intervals
    /// between the last and this one are there, but empty of all except `standing`: what an interval
    /// has where nothing happened.
    public mutating func update(
        at elapsed: Duration,
        standing: Interval,
        _ change: (inout Interval) -> Void
    ) {
        let second = Int(max(0, elapsed.components.seconds))
        while second / secondsPerInterval >= Self.maximumIntervals { halve() }
        let index = second / secondsPerInterval
        while intervals.count <= index { intervals.append(standing) }
        change(&intervals[index])
    }

    private mutating func halve() {
        intervals = stride(from: 0, to: intervals.count, by: 2).map { index in
            var interval = intervals[index]
            if index + 1 < intervals.count { interval.merge(intervals[index + 1]) }
            return interval
        }
        secondsPerInterval *= 2
    }
}
