internal import Fleet
internal import TestSupport

extension FleetSimulation {
    /// Servers that fail in every way, come and go, for 20 s; well after that.
    ///
    /// No chunk may be lost while there is a server that is well.
    static func faults(seed: UInt64) -> FleetSimulation {
        var random = SplitMix64(seed: seed)
        var parameters = Parameters()
        parameters.streamCount = Int.random(in: 1...8, using: &random)
        parameters.chunksPerStream = Int.random(in: 5...40, using: &random)
        parameters.inferTimeout = .milliseconds(Int.random(in: 300...2_000, using: &random))
        parameters.probeTimeout = .milliseconds(Int.random(in: 100...500, using: &random))
        parameters.patience = .seconds(Int.random(in: 12...15, using: &random))
        if Bool.random(using: &random) { parameters.poisonShare = 0.02 }
        if Int.random(in: 0..<4, using: &random) == 0 { parameters.pool.balancing = .roundRobin }
        parameters.pool.maximumEjectedShare = [0, 0.3, 0.5, 1].randomElement(using: &random) ?? 0
        if Bool.random(using: &random) { parameters.pool.health.minimumEjection = .seconds(30) }
        if Int.random(in: 0..<4, using: &random) == 0 {
            parameters.pool.retries.minimumRate = 0.5
            parameters.pool.retries.share = 0.05
            parameters.retriesSuffice = false
        }
        parameters.pool.outliers.interval = .seconds(2)
        parameters.pool.outliers.minimumRequests = 5
        parameters.pool.outliers.minimumEndpoints = 3
        parameters.pool.outliers.deviations = 1.2
        var simulation = FleetSimulation(parameters, seed: random.next())
        for _ in 0..<Int.random(in: 1...6, using: &random) { simulation.addServer() }
        for index in simulation.servers.indices where Int.random(in: 0..<4, using: &random) == 0 {
            simulation.servers[index].condition = .bad(&random)
        }
        simulation.resolve()
        for number in 0..<Int.random(in: 0...20, using: &random) {
            simulation.schedule(
                number + 1,
                at: .milliseconds(Int.random(in: 0...20_000, using: &random))
            )
        }
        simulation.schedule(0, at: .seconds(21))
        simulation.happen = { $0.happen(number: $1) }
        simulation.inspect = { $0.inspectLoss($1) }
        return simulation
    }

    private mutating func addServer() {
        let number = servers.reduce(0) { max($0, (Int($1.address) ?? 0) + 1) }
        var server = SimulatedServer(
            address: "\(number)",
            serviceTime: .milliseconds(Int.random(in: 5...60, using: &random))
        )
        server.conditionSince = now
        servers.append(server)
    }

    private mutating func happen(number: Int) {
        guard number > 0 else {
            for index in servers.indices where servers[index].condition != .well {
                set(.well, ofServer: index)
            }
            return
        }
        let index = Int.random(in: 0..<servers.count, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5:
            set(.bad(&random), ofServer: index)
        case 5..<7:
            set(.well, ofServer: index)
        case 7:
            // Flaps: the same again in a moment, as long as there are numbers.
            set(servers[index].condition == .well ? .dead : .well, ofServer: index)
            if number < 200, now < .seconds(20) {
                schedule(
                    number + 20,
                    at: now + .milliseconds(Int.random(in: 20...600, using: &random))
                )
            }
        case 8:
            addServer()
            resolve()
        default:
            guard servers.count > 1 else { return }
            servers.remove(at: index)
            resolve()
        }
    }

    private mutating func inspectLoss(_ ending: Ending) {
        let chunk = ending.chunk
        if chunk.isPoison {
            if ending.hasSucceeded { fail("a chunk was run that cannot be") }
            return
        }
        guard !ending.hasSucceeded, parameters.retriesSuffice else { return }
        let isRefused = chunk.refusalCount >= RequestCourse.maximumFailures
        if !isRefused, ending.end < chunk.course.deadline { fail("a chunk was given up early") }
        // A probe that was under way when the server recovered takes its time to fail, as do
        // attempts that are under way at others.
        let time =
            isRefused
            ? chunk.start - .seconds(3)
            : max(chunk.start, chunk.course.deadline - .seconds(8))
        for server in servers where server.isWell(since: time) {
            fail(
                """
                a chunk of \(chunk.start.seconds) s was lost (\(chunk.refusalCount) refusals) \
                though \(server.address) was well since \(server.conditionSince.seconds) s
                """
            )
        }
    }
}
