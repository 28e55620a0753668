internal import Fleet
internal import Testing

@Suite struct RebalancerTests {
    /// A rebalancer that a test talks to. A class, so that expectations may change it.
    final class Subject {
        var rebalancer: Rebalancer
        let ids: [EndpointID]

        init(_ adjust: (inout Rebalancer.Settings) -> Void = { _ in }) {
            var settings = Rebalancer.Settings()
            settings.maximumMovesPerSecond = 4
            adjust(&settings)
            rebalancer = Rebalancer(settings)
            var pool = EndpointPool(.init(), seed: 1)
            ids = pool.setAddresses(["a", "b", "c"], at: .zero).added
        }

        /// Where a stream of endpoint 0 is to go, by index.
        func move(
            _ streams: [Int],
            milliseconds latencies: [Int?] = [10, 10, 10],
            at seconds: Double
        ) -> Int? {
            let candidates = zip(ids, zip(streams, latencies)).map { id, load in
                Rebalancer.Candidate(
                    id: id,
                    latency: load.1.map { .milliseconds($0) },
                    streamCount: load.0
                )
            }
            return rebalancer.move(from: ids[0], among: candidates, at: .seconds(seconds))
                .flatMap { ids.firstIndex(of: $0) }
        }
    }

    @Test func aStreamMovesOnceTheBurdenHasLasted() {
        let subject = Subject()
        #expect(subject.move([10, 1, 4], at: 0) == nil)
        #expect(subject.move([10, 1, 4], at: 1.9) == nil)
        #expect(subject.move([10, 1, 4], at: 2) == 1)
        #expect(subject.rebalancer.moveCount == 1)
    }

    @Test func aBurdenThatPassesMovesNothing() {
        let subject = Subject()
        #expect(subject.move([10, 1, 1], at: 0) == nil)
        #expect(subject.move([10, 6, 6], at: 1) == nil)
        #expect(subject.move([10, 1, 1], at: 3) == nil, "counted anew")
        #expect(subject.move([10, 1, 1], at: 5) != nil)
    }

    /// Up to the settled ratio, and not only to the one at which it began.
    @Test func movingGoesOnUntilItIsSettled() {
        let subject = Subject()
        #expect(subject.move([12, 2, 9], at: 0) == nil)
        #expect(subject.move([12, 2, 9], at: 2) == 1)
        #expect(subject.move([8, 5, 9], at: 3) == 1, "8 against 6")
        #expect(subject.move([7, 5, 9], at: 4) == nil, "7 against 6")
        #expect(subject.move([8, 5, 9], at: 5) == nil, "below the ratio at which it begins")
    }

    @Test func movesAreSpacedOverAllEndpoints() {
        let subject = Subject()
        #expect(subject.move([20, 1, 1], at: 0) == nil)
        #expect(subject.move([20, 1, 1], at: 10) != nil)
        #expect(subject.move([20, 1, 1], at: 10.2) == nil)
        #expect(subject.move([20, 1, 1], at: 10.25) != nil)
    }

    @Test func aSlowEndpointCountsAsABurdenedOne() {
        let subject = Subject { $0.persistence = .zero }
        #expect(subject.move([5, 5, 5], milliseconds: [30, 10, 40], at: 0) == nil)
        #expect(subject.move([5, 5, 5], milliseconds: [30, 10, 40], at: 1) == 1)
        #expect(subject.move([5, 1, 1], milliseconds: [30, 10, nil], at: 2) == 1)
    }

    @Test func theSmallestLatenciesAreTheSame() {
        let subject = Subject { $0.persistence = .zero }
        #expect(subject.move([4, 3, 9], milliseconds: [1, 0, 0], at: 0) == nil)
        #expect(subject.move([4, 3, 9], milliseconds: [1, 0, 0], at: 1) == nil)
    }

    /// One stream is not sent from one idle endpoint to another and back.
    @Test func aLonelyStreamStays() {
        let subject = Subject { $0.persistence = .zero }
        for second in 0..<10 {
            #expect(
                subject.move([1, 0, 0], milliseconds: [10, 9, nil], at: Double(second)) == nil
            )
        }
    }

    @Test func nothingMovesWithoutAnAlternativeOrWhenItIsOff() {
        let subject = Subject { $0.persistence = .zero }
        #expect(subject.move([9], at: 0) == nil)
        #expect(subject.move([9], at: 1) == nil)
        let off = Subject {
            $0.persistence = .zero
            $0.maximumMovesPerSecond = 0
        }
        for second in 0..<5 { #expect(off.move([9, 0, 0], at: Double(second)) == nil) }
    }
}
