internal import Fleet
internal import TestSupport
internal import Testing

@Suite struct DurationHistogramTests {
    @Test func quantilesAreThoseOfTheDurations() {
        var random = SplitMix64.announced()
        for _ in 0..<50 {
            var histogram = DurationHistogram(memory: 10_000)
            // Microseconds, of any size.
            var values: [Double] = []
            for _ in 0..<Int.random(in: 1...500, using: &random) {
                let doublings = Int.random(in: 0...24, using: &random)
                let scale = Double(1 << doublings)
                values.append(scale * Double.random(in: 1...2, using: &random))
            }
            values.sort()
            for value in values.shuffled(using: &random) {
                histogram.add(.nanoseconds(Int64(value * 1000)))
            }
            for share in [0.01, 0.5, 0.95, 1] {
                let place = max(1, Int((share * Double(values.count)).rounded(.up))) - 1
                let found = (histogram.quantile(share) ?? .zero) / .microseconds(1)
                #expect(found >= values[place] * 0.999)
                #expect(found <= values[place] * 1.126 + 1)
            }
        }
    }

    @Test func oldDurationsFade() {
        var histogram = DurationHistogram(memory: 100)
        #expect(histogram.quantile(0.5) == nil)
        for _ in 0..<1000 { histogram.add(.seconds(1)) }
        #expect(histogram.count < 100)
        for _ in 0..<200 { histogram.add(.milliseconds(1)) }
        #expect((histogram.quantile(0.5) ?? .zero) < .milliseconds(2))
    }

    @Test func anythingHasAPlace() {
        var histogram = DurationHistogram()
        for duration in [.seconds(-1), .zero, .nanoseconds(1), .seconds(1_000_000_000)]
            as [Duration]
        {
            histogram.add(duration)
        }
        #expect(histogram.count == 4)
        #expect((histogram.quantile(1) ?? .zero) > .seconds(10_000))
    }
}
