extension LoadReport {
    /// In milliseconds; all nil when there were none.
    public struct Latency: Sendable, Codable, Equatable {
        public struct Step: Sendable, Codable, Equatable {
            public var upperMilliseconds: Double
            public var count: Int
        }

        public var count: Int
        public var mean: Double?
        public var p50: Double?
        public var p95: Double?
        public var p99: Double?
        public var max: Double?
        /// Counts up to each bound from the one before.
        public var distribution: [Step]

        public init(_ histogram: LatencyHistogram) {
            func milliseconds(_ duration: Duration?) -> Double? {
                duration.map { $0.inSeconds * 1000 }
            }
            count = histogram.count
            mean = milliseconds(histogram.mean)
            p50 = milliseconds(histogram.quantile(0.5))
            p95 = milliseconds(histogram.quantile(0.95))
            p99 = milliseconds(histogram.quantile(0.99))
            max = count > 0 ? milliseconds(histogram.maximum) : nil
            distribution = histogram.buckets.map {
                Step(upperMilliseconds: Double($0.upperMicroseconds) / 1000, count: $0.count)
            }
        }

        /// The latency that this share of them does not exceed.
        public func quantile(_ share: Double) -> Double? {
            var seen = 0
            for step in distribution {
                seen += step.count
                if Double(seen) >= share * Double(count) {
                    return Swift.min(step.upperMilliseconds, max ?? .infinity)
                }
            }
            return max
        }
    }
}
