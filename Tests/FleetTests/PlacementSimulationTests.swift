internal import TestSupport
internal import Testing

/// Placements against endpoints that forget, fail, and answer late or twice.
@Suite(.timeLimit(.minutes(2))) struct PlacementSimulationTests {
    @Test func noFaultShowsInTheOutputs() throws {
        var random = SplitMix64.announced()
        var (chunks, stale, moves) = (0, 0, 0)
        for _ in 0..<2000 {
            let seed = random.next()
            var simulation = PlacementSimulation(seed: seed)
            do {
                try simulation.run(chunkCount: 40)
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
            chunks += simulation.deliveredCount
            stale += simulation.staleCount
            moves += simulation.moveCount
        }
        #expect(chunks == 80_000)
        #expect(stale > 1000 && moves > 10_000, "\(stale) late answers, \(moves) placements")
    }
}
