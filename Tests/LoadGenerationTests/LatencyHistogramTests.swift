internal import LoadGeneration
internal import TestSupport
internal import Testing

@Suite struct LatencyHistogramTests {
    @Test func anEmptyOneKnowsNothing() {
        let histogram = LatencyHistogram()
        #expect(histogram.quantile(0.5) == nil)
        #expect(histogram.mean == nil)
        #expect(histogram.buckets.isEmpty)
    }

    @Test func quantilesAreNoneTooLowAndWithinA64th() {
        var generator = SplitMix64.announced()
        for scale in [50, 3_000, 200_000, 40_000_000] {
            let values = (0..<5_000).map { _ in Int.random(in: 0...scale, using: &generator) }
            var histogram = LatencyHistogram()
            for value in values { histogram.record(.microseconds(value)) }
            let sorted = values.sorted()
            for share in [0.0, 0.01, 0.5, 0.95, 0.99, 0.999, 1] {
                let rank = max(1, Int((share * Double(values.count)).rounded(.up)))
                let exact = Duration.microseconds(sorted[rank - 1])
                guard let quantile = histogram.quantile(share) else {
                    Issue.record("no quantile")
                    return
                }
                #expect(quantile >= exact)
                #expect(quantile <= exact + exact / 64 + .microseconds(1))
            }
            #expect(histogram.quantile(1) == .microseconds(sorted[values.count - 1]))
            #expect(histogram.mean == .microseconds(values.reduce(0, +) / values.count))
        }
    }

    @Test func bucketsFollowOnEachOtherAndHoldEverything() {
        var histogram = LatencyHistogram()
        for value in 0..<5_000 { histogram.record(.microseconds(value)) }
        let buckets = histogram.buckets
        #expect(buckets.reduce(0) { $0 + $1.count } == 5_000)
        #expect(buckets.first?.lowerMicroseconds == 0)
        for (left, right) in zip(buckets, buckets.dropFirst()) {
            #expect(right.lowerMicroseconds == left.upperMicroseconds + 1)
        }
        // All values were taken, so every bucket but the last is as full as it is wide.
        for bucket in buckets.dropLast() {
            #expect(bucket.count == bucket.upperMicroseconds - bucket.lowerMicroseconds + 1)
        }
    }

    @Test func mergingIsRecordingBoth() {
        var generator = SplitMix64.announced()
        var (left, right, both) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
        for index in 0..<1_000 {
            let scale = index < 500 ? 900 : 9_000_000
            let value = Duration.microseconds(Int.random(in: 0...scale, using: &generator))
            if index < 500 { left.record(value) } else { right.record(value) }
            both.record(value)
        }
        var other = right
        other.merge(left)
        left.merge(right)
        #expect(left == both)
        #expect(other == both)
    }

    @Test func whatIsOutOfRangeIsBounded() {
        var histogram = LatencyHistogram()
        histogram.record(.seconds(-1))
        #expect(histogram.quantile(1) == .zero)
        histogram.record(.seconds(Int64.max / 2))
        #expect(
            histogram.quantile(1) == .microseconds(LatencyHistogram.maximumMicroseconds)
        )
        #expect(histogram.buckets.count == 2)
    }
}
