internal import Fleet
internal import GRPCTransport
internal import TestBackend
internal import Testing

/// A placement by what it is told and what it then says.
@Suite struct PlacementTests {
    /// A placement that a test talks to. A class, so that expectations may change it.
    final class Subject {
        var placement: Placement
        let endpoints: [EndpointID]
        private var sequences: UInt64 = 0

        init(interval: Int = 3, phase: Int = 0) {
            placement = Placement(stream: 7, snapshotInterval: interval, phase: phase)
            var pool = EndpointPool(.init(), seed: 1)
            endpoints = pool.setAddresses(["a", "b"], at: .zero).added
        }

        func chunk(_ number: Int64) -> MessageBytes { MessageBytes(elements: [number]) }

        func begin(_ number: Int64) -> Placement.Request? { placement.begin(chunk(number)) }

        func place(on endpoint: Int = 0) -> Placement.Request {
            sequences += 1
            return placement.place(on: endpoints[endpoint], sequenceID: sequences)
        }

        func answer(
            _ request: Placement.Request,
            version: String = "1",
            state: Int64? = nil
        ) -> Placement.Progress {
            placement.answered(
                .init(
                    id: request.id,
                    modelVersion: version,
                    state: state.map { [MessageBytes(elements: [$0])] }
                )
            )
        }

        /// Runs a chunk where the stream lives, or on the first endpoint.
        func run(_ number: Int64) throws {
            let request = begin(number) ?? place()
            try #require(
                answer(request, state: request.wantsState ? 100 + number : nil).isDelivery
            )
        }
    }

    @Test func aStreamStartsWithItsFirstChunkAndStays() throws {
        let stream = Subject()
        #expect(stream.placement.sequence == nil)
        #expect(stream.begin(0) == nil)
        let first = stream.place(on: 1)
        #expect(first.starts && first.restored == nil && !first.isRepeated)
        #expect(first.id == "7/1/0")
        #expect(first.sequence.endpoint == stream.endpoints[1] && first.sequence.id == 1)
        #expect(first.chunk == stream.chunk(0))
        #expect(stream.answer(first).isDelivery)
        let second = try #require(stream.begin(1))
        #expect(!second.starts && second.id == "7/1/1" && second.sequence == first.sequence)
    }

    @Test func aSnapshotComesWithEveryThirdChunk() throws {
        let stream = Subject(interval: 3, phase: 1)
        var wanted: [Int] = []
        for number in 0..<9 {
            let request = stream.begin(Int64(number)) ?? stream.place()
            if request.wantsState { wanted.append(number) }
            #expect(stream.answer(request, state: 100).isDelivery)
            #expect(stream.placement.repeatCount <= 3)
        }
        #expect(wanted == [1, 4, 7])
        #expect(stream.placement.snapshotByteCount == 8)
    }

    @Test func aStreamWithoutASnapshotRepeatsItsBeginning() throws {
        let stream = Subject()
        try stream.run(0)
        try stream.run(1)
        _ = stream.begin(2)
        #expect(stream.placement.leave()?.id == 1)
        #expect(stream.placement.sequence == nil)
        let first = stream.place(on: 1)
        #expect(first.starts && first.restored == nil && first.isRepeated && first.ordinal == 0)
        #expect(first.id == "7/2/0" && first.sequence.id == 2)
        let second = try #require(stream.answer(first).next)
        #expect(!second.starts && second.isRepeated && second.chunk == stream.chunk(1))
        let third = try #require(stream.answer(second).next)
        #expect(!third.isRepeated && third.ordinal == 2 && third.wantsState)
        #expect(stream.answer(third, state: 102).isDelivery)
        #expect(stream.placement.repeatCount == 0)
    }

    @Test func aStreamWithASnapshotIsRestored() throws {
        let stream = Subject()
        for number in 0..<4 { try stream.run(Int64(number)) }
        _ = stream.begin(4)
        _ = stream.placement.leave()
        let first = stream.place(on: 1)
        #expect(first.starts && first.isRepeated && first.ordinal == 3)
        #expect(first.restored == [MessageBytes(elements: [102 as Int64])])
        let second = try #require(stream.answer(first).next)
        #expect(!second.starts && second.restored == nil && second.ordinal == 4)
        #expect(stream.answer(second).isDelivery)
    }

    /// Left right after a snapshot, it has nothing to repeat.
    @Test func aStreamThatMovesAfterASnapshotRepeatsNothing() throws {
        let stream = Subject()
        for number in 0..<3 { try stream.run(Int64(number)) }
        #expect(stream.placement.leave()?.id == 1)
        #expect(stream.begin(3) == nil)
        let request = stream.place(on: 1)
        #expect(request.starts && !request.isRepeated && request.restored != nil)
        #expect(stream.answer(request).isDelivery)
    }

    @Test func onlyTheAnswerThatIsWaitedForCounts() throws {
        let stream = Subject()
        let nothing = Placement.Answer(id: "7/1/0", modelVersion: "1")
        #expect(stream.placement.answered(nothing).isStale)
        _ = stream.begin(0)
        #expect(stream.placement.answered(nothing).isStale, "nobody was asked yet")
        let first = stream.place()
        for id in ["", "7/1/1", "7/2/0", "8/1/0", "7/1/00"] {
            #expect(stream.placement.answered(.init(id: id, modelVersion: "1")).isStale)
        }
        #expect(stream.answer(first).isDelivery)
        #expect(stream.answer(first).isStale, "a second time")
        let second = try #require(stream.begin(1))
        _ = stream.placement.leave()
        #expect(stream.answer(second).isStale, "of a sequence that was left")
        let repeated = stream.place()
        #expect(stream.answer(second).isStale)
        #expect(stream.answer(repeated).next != nil)
        #expect(stream.answer(repeated).isStale)
        _ = stream.placement.end()
        #expect(stream.answer(repeated).isStale)
    }

    @Test func anAnswerWithoutItsSnapshotIsNone() throws {
        let stream = Subject(interval: 1)
        _ = stream.begin(0)
        let request = stream.place()
        #expect(request.wantsState)
        #expect(stream.answer(request).isStale)
        #expect(stream.placement.snapshotByteCount == 0)
        #expect(stream.answer(request, state: 1).isDelivery)
        #expect(stream.placement.snapshotByteCount == 8)
    }

    @Test func aStreamStaysWithTheVersionThatHasRunIt() throws {
        let stream = Subject()
        _ = stream.begin(0)
        #expect(stream.answer(stream.place(), version: "2").isDelivery)
        let request = try #require(stream.begin(1))
        guard case .otherVersion("2") = stream.answer(request, version: "3") else {
            Issue.record("version 3 was accepted")
            return
        }
        _ = stream.placement.leave()
        let repeated = stream.place()
        guard case .otherVersion = stream.answer(repeated, version: "3") else {
            Issue.record("version 3 was accepted for a chunk that is repeated")
            return
        }
        #expect(stream.answer(repeated, version: "2").next?.ordinal == 1)
    }

    /// The chunk that is given up may have run: its sequence is not used again.
    @Test func aChunkThatIsGivenUpLeavesTheStreamWhereItWas() throws {
        let stream = Subject()
        try stream.run(0)
        _ = stream.begin(1)
        #expect(stream.placement.giveUp()?.id == 1)
        #expect(stream.placement.deliveredCount == 1)
        #expect(stream.begin(11) == nil)
        let request = try #require(stream.answer(stream.place()).next)
        #expect(request.ordinal == 1 && request.chunk == stream.chunk(11))
        #expect(stream.answer(request).isDelivery)
        #expect(stream.placement.giveUp() == nil, "nothing waits")
        #expect(stream.placement.sequence != nil)
    }

    @Test func anEndedStreamHoldsNothing() throws {
        let stream = Subject(interval: 1)
        try stream.run(0)
        #expect(stream.placement.end()?.id == 1)
        #expect(stream.placement.snapshotByteCount == 0 && stream.placement.lastChunk == nil)
        #expect(stream.placement.end() == nil && stream.placement.leave() == nil)
        let unused = Subject()
        #expect(unused.placement.end() == nil)
    }
}

extension Placement.Progress {
    var isDelivery: Bool { if case .deliver = self { true } else { false } }
    var isStale: Bool { if case .stale = self { true } else { false } }
    var next: Placement.Request? { if case .send(let request) = self { request } else { nil } }
}
