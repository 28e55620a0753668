internal import Fleet
internal import Testing

/// What an endpoint's load says it would cost to give it more.
@Suite struct EndpointLoadTests {
    private func cost(
        _ load: EndpointLoad,
        at now: Duration,
        unknown: Duration = .seconds(1)
    ) -> Double {
        load.cost(at: now, unknownLatency: unknown)
    }

    @Test func countsWhatIsOutstanding() {
        var load = EndpointLoad(decay: .seconds(2))
        load.began(1, rows: 3, at: .seconds(1))
        load.began(2, rows: 4, at: .seconds(2))
        #expect(load.outstandingRequests == 2)
        #expect(load.outstandingRows == 7)
        let times = [
            load.ended(2, at: .seconds(5)), load.ended(2, at: .seconds(6)),
            load.ended(1, at: .seconds(6)),
        ]
        #expect(times == [.seconds(3), nil, .seconds(5)], "each ends once")
        #expect(load.outstandingRequests == 0)
        #expect(load.outstandingRows == 0)
        #expect(load.latency == nil, "nobody has said that it was answered")
    }

    @Test func aNewLatencyCountsMoreTheOlderTheLastOneIs() throws {
        var load = EndpointLoad(decay: .seconds(2))
        load.note(.milliseconds(10), at: .seconds(1))
        #expect(load.latency == .milliseconds(10))
        load.note(.milliseconds(110), at: .seconds(1))
        let soon = try #require(load.latency?.seconds)
        #expect(abs(soon - 0.015) < 1e-9, "a twentieth of it, at the least")
        var later = EndpointLoad(decay: .seconds(2))
        later.note(.milliseconds(10), at: .seconds(1))
        later.note(.milliseconds(110), at: .seconds(3))
        let present = try #require(later.latency?.seconds)
        #expect(abs(present - (0.01 + 0.1 * (1 - 0.39))) < 0.002, "1 - 1/e of it, nearly")
    }

    @Test func costIsLatencyTimesWork() {
        var load = EndpointLoad(decay: .seconds(2))
        #expect(cost(load, at: .zero) == 1, "as slow as any")
        load.note(.milliseconds(20), at: .seconds(1))
        #expect(abs(cost(load, at: .seconds(1)) - 0.02) < 1e-9)
        load.began(1, rows: 4, at: .seconds(1))
        #expect(abs(cost(load, at: .seconds(1)) - 0.1) < 1e-9)
        let placed = load.cost(
            at: .seconds(1),
            placementCount: 5,
            unknownLatency: .seconds(1)
        )
        #expect(abs(placed - 0.2) < 1e-9)
    }

    /// Before any deadline has passed.
    @Test func aRequestThatWaitsLongRaisesTheCost() {
        var load = EndpointLoad(decay: .seconds(2))
        load.note(.milliseconds(20), at: .zero)
        load.began(1, rows: 1, at: .zero)
        load.began(2, rows: 1, at: .milliseconds(400))
        #expect(abs(cost(load, at: .milliseconds(500)) - 0.5 * 3) < 1e-9)
        load.ended(1, at: .milliseconds(500))
        #expect(abs(cost(load, at: .milliseconds(500)) - 0.1 * 2) < 1e-9)
    }

    @Test func anOldLatencyFades() {
        var load = EndpointLoad(decay: .seconds(2))
        load.note(.seconds(1), at: .zero)
        let costs = [0, 8, 16, 24].map { cost(load, at: .seconds($0)) }
        for (one, next) in zip(costs, costs.dropFirst()) {
            #expect((0.3...0.5).contains(next / one), "1/e each four decays: \(costs)")
        }
    }

    @Test func failuresRaiseTheCostAndFade() {
        var load = EndpointLoad(decay: .seconds(2))
        load.note(.milliseconds(10), at: .zero)
        let before = cost(load, at: .zero)
        load.note(isFailure: true, at: .zero)
        let once = cost(load, at: .zero)
        for _ in 0..<50 { load.note(isFailure: true, at: .zero) }
        let often = cost(load, at: .zero)
        #expect(once / before > 1.2)
        #expect(abs(often / before - 400) < 1, "but not without bounds")
        load.note(.milliseconds(10), at: .seconds(60))
        #expect(cost(load, at: .seconds(60)) / before < 1.02)
        for _ in 0..<50 { load.note(isFailure: false, at: .seconds(60)) }
        #expect(cost(load, at: .seconds(60)) / before < 1.001)
    }

    @Test func whatIsAbandonedTookAtLeastSoLong() {
        var load = EndpointLoad(decay: .seconds(2))
        load.note(.milliseconds(100), at: .zero)
        load.noteUnanswered(after: .milliseconds(50), at: .seconds(2))
        #expect(load.latency == .milliseconds(100))
        load.noteUnanswered(after: .seconds(1), at: .seconds(2))
        #expect(load.latency ?? .zero > .milliseconds(500))
        load.forget()
        #expect(load.latency == nil)
    }
}
