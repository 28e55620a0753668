internal import Fleet
internal import Foundation
internal import TestSupport
internal import Testing

/// The machines of health, balancing and retries together, over servers that are simulated.
@Suite(.timeLimit(.minutes(5))) struct FleetSimulationTests {
    /// MARTLET_SIMULATION_SEED runs one seed, MARTLET_SIMULATION_SEEDS so many.
    static let seeds: [UInt64] = {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["MARTLET_SIMULATION_SEED"].flatMap({ UInt64($0) }) {
            return [seed]
        }
        let count = environment["MARTLET_SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 10_000
        return Array(0..<count)
    }()

    /// Failing, flapping, slow, lying and silent servers, that come and go.
    @Test func noChunkIsLostWhileThereIsAServerThatIsWell() async {
        let workers = 4
        await withTaskGroup(of: [String].self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var failures: [String] = []
                    for seed in Self.seeds where seed % UInt64(workers) == UInt64(worker) {
                        var simulation = FleetSimulation.faults(seed: seed)
                        simulation.run()
                        for violation in simulation.violations {
                            failures.append("MARTLET_SIMULATION_SEED=\(seed): \(violation)")
                        }
                        if failures.count >= 5 { break }
                        // Other tests share the threads.
                        await Task.yield()
                    }
                    return failures
                }
            }
            for await failures in group {
                for failure in failures { Issue.record(Comment(rawValue: failure)) }
            }
        }
    }

    /// The same seed is the same again.
    @Test func aSimulationCanBeRepeated() {
        var counts: [[String: Int]] = []
        for _ in 0..<2 {
            var simulation = FleetSimulation.faults(seed: 7)
            simulation.run()
            counts.append(simulation.requestCounts)
        }
        #expect(counts[0] == counts[1])
    }

    // MARK: Balance

    private static func busy(
        serverCount: Int,
        streamsPerServer: Int = 10,
        seed: UInt64,
        balancing: EndpointPool.Balancing = .leastLoaded,
        prepare: (inout FleetSimulation) -> Void = { _ in }
    ) -> FleetSimulation {
        var parameters = FleetSimulation.Parameters()
        parameters.streamCount = streamsPerServer * serverCount
        parameters.chunksPerStream = 100
        parameters.pool.balancing = balancing
        var simulation = FleetSimulation(parameters, seed: seed)
        for index in 0..<serverCount {
            simulation.servers.append(
                SimulatedServer(
                    address: "\(index)",
                    serviceTime: .milliseconds(20),
                    concurrency: 2
                )
            )
        }
        prepare(&simulation)
        simulation.resolve()
        return simulation
    }

    @Test(arguments: [1, 10], [2, 3, 5])
    func equalServersGetEqualWork(_ streamsPerServer: Int, _ serverCount: Int) {
        for (balancing, seed) in EndpointPool.Balancing.allCases.flatMap({ balancing in
            (0..<10 as Range<UInt64>).map { (balancing, $0) }
        }) {
            var simulation = Self.busy(
                serverCount: serverCount,
                streamsPerServer: streamsPerServer,
                seed: seed,
                balancing: balancing
            )
            simulation.run()
            #expect(simulation.violations == [])
            let counts = simulation.requestCounts.values
            let share = 100 * streamsPerServer
            #expect(counts.count == serverCount && counts.reduce(0, +) == serverCount * share)
            #expect(
                counts.allSatisfy { $0 * 10 >= share * 6 && $0 * 10 <= share * 14 },
                "seed \(seed): \(counts)"
            )
        }
    }

    @Test(arguments: [2, 3, 5], [1, 10])
    func aSlowServerGetsLessThanHalfOfAFastOnesWork(
        _ serverCount: Int,
        _ streamsPerServer: Int
    ) {
        for seed in 0..<20 as Range<UInt64> {
            var simulation = Self.busy(
                serverCount: serverCount,
                streamsPerServer: streamsPerServer,
                seed: seed
            ) { $0.servers[0].serviceTime *= 3 }
            simulation.run()
            #expect(simulation.violations == [])
            let slow = simulation.requestCounts["0"] ?? 0
            let fast = simulation.requestCounts.filter { $0.key != "0" }.values.min() ?? 0
            #expect(slow * 2 < fast, "seed \(seed): \(simulation.requestCounts)")
            #expect(slow > 0, "it is tried again now and then")
        }
    }

    /// A server that stands still is avoided long before the deadline of what it has.
    @Test func aSilentServerIsAvoidedBeforeADeadlinePasses() {
        for seed in 0..<20 as Range<UInt64> {
            var simulation = Self.busy(serverCount: 3, seed: seed)
            var before = 0
            simulation.happen = { simulation, number in
                if number == 0 {
                    before = simulation.requestCounts["0"] ?? 0
                    simulation.set(.silent, ofServer: 0)
                } else {
                    let sent = (simulation.requestCounts["0"] ?? 0) - before
                    if sent > 6 { simulation.fail("\(sent) chunks were sent to it since") }
                    if simulation.departureCount > 0 { simulation.fail("a deadline has passed") }
                }
            }
            simulation.schedule(0, at: .seconds(10))
            simulation.schedule(1, at: .milliseconds(11_900))
            simulation.run()
            #expect(simulation.violations == [], "seed \(seed)")
        }
    }

    /// Nor does a server attract work by failing fast, where it cannot be ejected.
    @Test func aServerThatFailsFastDoesNotAttractWork() {
        for seed in 0..<20 as Range<UInt64> {
            var parameters = FleetSimulation.Parameters()
            parameters.streamCount = 20
            parameters.chunksPerStream = 100
            parameters.pool.maximumEjectedShare = 0
            var simulation = FleetSimulation(parameters, seed: seed)
            for index in 0..<3 {
                simulation.servers.append(
                    SimulatedServer(
                        address: "\(index)",
                        serviceTime: .milliseconds(20),
                        concurrency: 4
                    )
                )
            }
            simulation.servers[0].condition = .lyingByErrors
            simulation.resolve()
            simulation.run()
            #expect(simulation.violations == [])
            let share = Double(simulation.requestCounts["0"] ?? 0) / 2000
            #expect(share < 0.1, "seed \(seed): \(share)")
        }
    }

    /// Chunks that no server can run do no harm to others.
    @Test func chunksThatCannotBeRunHarmNoOthers() {
        for seed in 0..<20 as Range<UInt64> {
            var parameters = FleetSimulation.Parameters()
            parameters.streamCount = 20
            parameters.poisonShare = 0.05
            var simulation = FleetSimulation(parameters, seed: seed)
            for index in 0..<3 {
                simulation.servers.append(
                    SimulatedServer(address: "\(index)", serviceTime: .milliseconds(20))
                )
            }
            simulation.inspect = { simulation, ending in
                if ending.hasSucceeded == ending.chunk.isPoison { simulation.fail("a wrong end") }
                let time = ending.end - ending.chunk.start
                if !ending.chunk.isPoison, time > .milliseconds(100) {
                    simulation.fail("a chunk took \(time)")
                }
            }
            simulation.resolve()
            simulation.run()
            #expect(simulation.violations == [], "seed \(seed)")
            #expect(simulation.departureCount == 0)
        }
    }
}
