internal import Fleet
internal import GRPCTransport
internal import ModelBundle
internal import TestBackend
internal import TestSupport
internal import Testing
internal import Wire

/// What the fleet asks of its endpoints, and what it makes of the answers.
@Suite(.timeLimit(.minutes(1))) struct FleetHealthTests {
    @Test func aModelThatDoesNotFitIsFoundByTheCheck() async throws {
        let double = try TritonDouble()
        double.change { $0.metadata.outputs[1].shape = [2, -1, 9] }
        let fleet = try Fleet(
            model: try TinyModel().bundle.description.encoder,
            addresses: [FleetStage.deadAddress, double.address],
            configuration: .init(),
            clock: ManualClock(),
            logger: silentLogger
        )
        await #expect(
            throws: FleetError(
                .incompatible,
                """
                \(double.address): model "tiny-encoder": output "new_cache" has shape [2, -1, 9], \
                the bundle says [2, -1, 7]
                """
            )
        ) { try await fleet.check() }
        #expect(!fleet.readiness.isReady)
        // The model is replaced by the one of the bundle.
        double.change { $0.metadata = TinyEncoder.metadata }
        try await fleet.check()
        var stream = try TestStream(seed: 1, on: fleet)
        try await stream.run()
        fleet.close()
        await double.close()
    }

    /// A model with other weights gives other words, though its tensors are the same.
    @Test func aModelWithOtherWeightsIsFoundByTheCheck() async throws {
        let digests = ["1", "2"].map { "sha256:" + String(repeating: $0, count: 64) }
        var bundle = TinyBundle()
        bundle.yaml = bundle.yaml.replacing(
            "  version: \"\"\n",
            with: "  version: \"\"\n  weights: \"\(digests[0])\"\n"
        )
        let double = try TritonDouble()
        let fleet = try Fleet(
            model: try TinyModel(bundle).bundle.description.encoder,
            addresses: [double.address],
            configuration: .init(),
            clock: ManualClock(),
            logger: silentLogger
        )
        double.change { $0.weights = digests[1] }
        let error = await #expect(throws: FleetError.self) { try await fleet.check() }
        #expect(error?.kind == .incompatible)
        #expect(
            error?.message == """
                \(double.address): model "tiny-encoder": its weights are "\(digests[1])", \
                the bundle's "\(digests[0])"
                """
        )
        for weights in [digests[0], nil] {
            double.change { $0.weights = weights }
            try await fleet.check()
            #expect(fleet.readiness.isReady)
        }
        fleet.close()
        await double.close()
    }

    @Test func anEndpointThatCannotBeReachedIsNoErrorOfTheCheck() async throws {
        try await FleetStage.with(0, deadAddresses: [FleetStage.deadAddress]) { stage in
            #expect(!stage.fleet.readiness.isReady)
            #expect(stage.fleet.complaints.hasPrefix("127.0.0.1:1: UNAVAILABLE"))
        }
    }

    @Test func aProbeThatIsNotAnsweredEnds() async throws {
        try await FleetStage.with(
            1,
            {
                $0.probeTimeout = .milliseconds(200)
                $0.pool.health.unansweredChecksToLeave = 1
            }
        ) { stage in
            var changes = stage.fleet.readiness.changes().makeAsyncIterator()
            #expect(await changes.next() == true)
            stage.double.change { $0.answersProbes = false }
            let watching = Task { await stage.fleet.watch() }
            await stage.advance { !stage.fleet.readiness.isReady }
            #expect(await changes.next() == false)
            #expect(stage.fleet.complaints.contains("DEADLINE_EXCEEDED"))
            watching.cancel()
            await watching.value
        }
    }

    /// One check at each interval, give or take a fifth.
    @Test func checksAreSpacedByTheInterval() async throws {
        try await FleetStage.with(1, { $0.probeInterval = .seconds(10) }) { stage in
            let watching = Task { await stage.fleet.watch() }
            let (checks, clock) = (stage.double.probes, stage.clock)
            #expect(checks.count == 1)
            for expected in 2...5 {
                await clock.sleeperArrived()
                clock.advance(by: .milliseconds(7_999))
                await clock.sleeperArrived()
                #expect(checks.count == expected - 1)
                clock.advance(by: .milliseconds(4_002))
                await checks.reached(expected)
            }
            watching.cancel()
            await watching.value
            #expect(stage.double.probeChunks.count == 1, "an endpoint that admits gets none")
        }
    }

    @Test func everyChangeIsTold() async throws {
        try await FleetStage.with(2) { stage in
            let (fleet, doubles) = (stage.fleet, stage.doubles)
            var changes = fleet.readiness.changes().makeAsyncIterator()
            #expect(await changes.next() == true)
            let watching = Task { await fleet.watch() }

            doubles[0].change { $0.isServerReady = false }
            await stage.advance { !fleet.complaints.isEmpty }
            #expect(fleet.readiness.isReady, "one of two is enough")
            #expect(fleet.complaints == "\(doubles[0].address): the server is not ready")

            doubles[1].change { $0.isModelReady = false }
            await stage.advance { !fleet.readiness.isReady }
            #expect(await changes.next() == false)

            doubles[0].change { $0.isServerReady = true }
            await stage.advance { fleet.readiness.isReady }
            #expect(await changes.next() == true)
            watching.cancel()
            await watching.value
        }
    }

    /// Left when it fails, taken up again by a probe, and by nothing else; the chunk waits for that.
    @Test func anEndpointIsTakenUpAgainByAProbe() async throws {
        try await FleetStage.with { stage in
            let (fleet, double) = (stage.fleet, stage.double)
            var changes = fleet.readiness.changes().makeAsyncIterator()
            #expect(await changes.next() == true)
            double.answer(.failure(.unavailable, "restarting"))
            let running = Task {
                var stream = try TestStream(seed: 2, on: fleet)
                for _ in 0..<2 { try await stream.run() }
            }
            #expect(await changes.next() == false)
            await stage.clock.sleeperArrived()
            // A server whose backend is not there yet says that it is ready.
            try await fleet.check()
            #expect(!fleet.readiness.isReady)
            #expect(double.probeChunks.count == 2)
            double.answer(.right)
            stage.clock.advance(by: .seconds(2))
            #expect(double.inferences.count == 1)

            let watching = Task { await fleet.watch() }
            #expect(await changes.next() == true)
            try await running.value
            #expect(double.inferences.count == 3)
            watching.cancel()
            await watching.value
        }
    }

    /// A server that is started anew at its address is found there.
    @Test func aServerThatComesBackIsFound() async throws {
        try await FleetStage.with { stage in
            var stream = try TestStream(seed: 3, on: stage.fleet)
            try await stream.run()
            await stage.double.close()
            let chunk = stream.makeChunk()
            #expect(await stream.wait(chunk, on: stage)?.kind == .unavailable)
            let again = try TritonDouble(port: stage.double.port)
            // The connection is tried again after a pause of its own.
            while !stage.fleet.readiness.isReady, !Task.isCancelled {
                try await stage.fleet.check()
            }
            try await stream.run(chunk)
            #expect(again.inferences.count == 1)
            await again.close()
        }
    }
}
