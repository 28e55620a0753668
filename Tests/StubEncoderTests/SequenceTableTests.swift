internal import StubEncoder
internal import Testing

struct SequenceTableTests {
    private let chunks = (1...5).map { ChunkDigest(value: $0) }

    /// Steps as Triton's sequence batcher would see them.
    private final class Table {
        private var table = SequenceTable(maximumSequences: 2, maximumIdle: .seconds(10))
        var now = Duration.zero
        var counts: SequenceTable.Counts { table.counts }
        var openCount: Int { table.openCount }

        func step(
            _ sequence: Int64,
            start: Bool = false,
            end: Bool = false,
            from restored: ChainHash? = nil,
            _ chunk: ChunkDigest?
        ) -> Result<ChainHash?, SequenceTable.Refusal> {
            var step = SequenceTable.Step()
            (step.isStart, step.isEnd, step.restored, step.chunk) = (start, end, restored, chunk)
            return Result { () throws(SequenceTable.Refusal) in
                try table.check(step, of: sequence, now: now)
                return table.take(step, of: sequence, now: now)
            }
        }

        func reap() { table.reap(now: now) }
    }

    private func chain(_ count: Int) -> ChainHash {
        chunks[..<count].reduce(.start) { $0.followed(by: $1) }
    }

    @Test
    func aSequenceGoesOnFromChunkToChunk() {
        let table = Table()
        #expect(table.step(1, chunks[0]) == .failure(.unknownSequence))
        #expect(table.step(1, start: true, chunks[0]) == .success(chain(1)))
        #expect(table.step(2, start: true, chunks[4]) != .success(chain(1)))
        #expect(table.step(1, chunks[1]) == .success(chain(2)))
        #expect(table.step(1, end: true, chunks[2]) == .success(chain(3)))
        #expect(table.step(1, chunks[3]) == .failure(.unknownSequence))
        #expect(table.step(2, end: true, nil) == .success(nil))
        #expect(table.step(2, end: true, nil) == .failure(.unknownSequence))
        #expect(table.openCount == 0)
        #expect(table.counts.opened == 2 && table.counts.ended == 2)
    }

    @Test
    func aStartTakesUpWhereARestoredStateWas() {
        let table = Table()
        #expect(
            table.step(9, start: true, from: chain(2), chunks[2]) == .success(chain(3))
        )
        #expect(table.step(9, chunks[3]) == .success(chain(4)))
    }

    @Test
    func aStartThatIsAnEndLeavesNothing() {
        let table = Table()
        #expect(table.step(3, start: true, end: true, chunks[0]) == .success(chain(1)))
        #expect(table.openCount == 0)
        #expect(table.counts.opened == 1 && table.counts.ended == 1)
    }

    @Test
    func aSecondStartIsRefused() {
        let table = Table()
        _ = table.step(1, start: true, chunks[0])
        #expect(table.step(1, start: true, chunks[0]) == .failure(.alreadyOpen))
        #expect(table.step(1, chunks[1]) == .success(chain(2)))
        #expect(table.counts.opened == 1)
    }

    @Test
    func placesAreBounded() {
        let table = Table()
        _ = table.step(1, start: true, chunks[0])
        _ = table.step(2, start: true, chunks[0])
        #expect(table.step(3, start: true, chunks[0]) == .failure(.noRoom))
        #expect(table.step(3, start: true, end: true, chunks[0]) == .success(chain(1)))
        #expect(table.step(1, chunks[1]) == .success(chain(2)))
        _ = table.step(1, end: true, nil)
        #expect(table.step(3, start: true, chunks[0]) == .success(chain(1)))
    }

    @Test
    func idleSequencesAreReaped() {
        let table = Table()
        _ = table.step(1, start: true, chunks[0])
        table.now = .seconds(10)
        #expect(table.step(1, chunks[1]) == .success(chain(2)))
        table.now = .seconds(21)
        #expect(table.step(1, chunks[2]) == .failure(.unknownSequence))
        #expect(table.counts.reaped == 1)
        _ = table.step(1, start: true, chunks[0])
        _ = table.step(2, start: true, chunks[0])
        table.now = .seconds(40)
        // Their places go to others.
        #expect(table.step(3, start: true, chunks[0]) == .success(chain(1)))
        #expect(table.counts.reaped == 3 && table.openCount == 1)
        table.now = .seconds(60)
        table.reap()
        #expect(table.counts.reaped == 4 && table.openCount == 0)
    }
}
