/// Counts of latencies in buckets that widen with the value, so that any number of them takes a few
/// KiB and every quantile is known to within 1/64 of its value.
///
/// A bucket's width is a 64th of the power of two it lies in; below 64 microseconds it is one
/// microsecond. This is the layout of HdrHistogram (http://hdrhistogram.org) with 6 bits of value.
public struct LatencyHistogram: Sendable, Equatable {
    /// A bucket that holds something. Both bounds are among its values.
    public struct Bucket: Sendable, Equatable {
        public var lowerMicroseconds: Int
        public var upperMicroseconds: Int
        public var count: Int
    }

    /// Values are counted as this at most: some 36 minutes.
    public static let maximumMicroseconds = (1 << 31) - 1

    private static let valueBits = 6
    private static let stepsPerOctave = 1 << valueBits

    /// As long as the highest value so far needs.
    private var counts: [Int] = []
    private var sumMicroseconds = 0
    public private(set) var count = 0
    public private(set) var maximum = Duration.zero

    public init() {}

    /// A negative latency, which a clock's granularity can bring about, counts as 0.
    public mutating func record(_ latency: Duration) {
        let microseconds = Self.microseconds(latency)
        let index = Self.index(of: microseconds)
        if index >= counts.count {
            counts.append(contentsOf: repeatElement(0, count: index + 1 - counts.count))
        }
        counts[index] += 1
        count += 1
        sumMicroseconds += microseconds
        maximum = max(maximum, .microseconds(microseconds))
    }

    public mutating func merge(_ other: LatencyHistogram) {
        if other.counts.count > counts.count {
            counts.append(
                contentsOf: repeatElement(0, count: other.counts.count - counts.count)
            )
        }
        for (index, count) in other.counts.enumerated() { counts[index] += count }
        count += other.count
        sumMicroseconds += other.sumMicroseconds
        maximum = max(maximum, other.maximum)
    }

    /// The least value that at least this share (0 to 1) of the latencies do not exceed; too high by
    /// at most 1/64. Nil while there are none.
    public func quantile(_ share: Double) -> Duration? {
        precondition((0...1).contains(share), "a quantile is a share")
        guard count > 0 else { return nil }
        let rank = max(1, Int((share * Double(count)).rounded(.up)))
        var seen = 0
        for (index, count) in counts.enumerated() {
            seen += count
            if seen >= rank {
                return min(.microseconds(Self.bounds(of: index).upper), maximum)
            }
        }
        return maximum
    }

    public var mean: Duration? {
        count > 0 ? .microseconds(sumMicroseconds / count) : nil
    }

    /// In ascending order, without the empty ones.
    public var buckets: [Bucket] {
        counts.enumerated().compactMap { index, count in
            guard count > 0 else { return nil }
            let bounds = Self.bounds(of: index)
            return Bucket(
                lowerMicroseconds: bounds.lower,
                upperMicroseconds: bounds.upper,
                count: count
            )
        }
    }

    private static func microseconds(_ latency: Duration) -> Int {
        let (seconds, attoseconds) = latency.components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < 1 << 20 else { return maximumMicroseconds }
        return min(
            maximumMicroseconds,
            Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
        )
    }

    private static func index(of microseconds: Int) -> Int {
        guard microseconds >= stepsPerOctave else { return microseconds }
        let shift = Int.bitWidth - 1 - microseconds.leadingZeroBitCount - valueBits
        return shift * stepsPerOctave + microseconds >> shift
    }

    private static func bounds(of index: Int) -> (lower: Int, upper: Int) {
        guard index >= stepsPerOctave else { return (index, index) }
        let shift = index / stepsPerOctave - 1
        let step = index - shift * stepsPerOctave
        return (step << shift, (step + 1) << shift - 1)
    }
}
