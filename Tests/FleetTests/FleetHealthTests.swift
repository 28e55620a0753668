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
        var stream = TestStream(seed: 1, on: fleet)
        #expect(await stream.fail(stream.makeChunk(), on: fleet)?.kind == .unavailable)

        // The model is replaced by the one of the bundle.
        double.change { $0.metadata = TinyEncoder.metadata }
        try await fleet.check()
        try await stream.run(on: fleet)
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
                $0.probeFailuresToLeave = 1
            }
        ) { stage in
            var changes = stage.fleet.readiness.changes().makeAsyncIterator()
            #expect(await changes.next() == true)
            stage.double.change { $0.answersProbes = false }
            let watching = Task { await stage.fleet.watch() }
            await stage.clock.sleeperArrived()
            stage.clock.advance(by: stage.fleet.configuration.probeInterval)
            #expect(await changes.next() == false)
            #expect(stage.fleet.complaints.contains("DEADLINE_EXCEEDED"))
            watching.cancel()
            await watching.value
        }
    }

    /// One probe at each interval, and none before it has passed.
    @Test func probesAreSpacedByTheInterval() async throws {
        try await FleetStage.with(1, { $0.probeInterval = .seconds(3) }) { stage in
            let watching = Task { await stage.fleet.watch() }
            let probes = stage.double.probes
            #expect(probes.count == 1)
            for expected in 2...5 {
                await stage.clock.sleeperArrived()
                stage.clock.advance(by: .milliseconds(2999))
                #expect(probes.count == expected - 1)
                stage.clock.advance(by: .milliseconds(1))
                await probes.reached(expected)
            }
            watching.cancel()
            await watching.value
        }
    }

    @Test func everyChangeIsTold() async throws {
        try await FleetStage.with(2) { stage in
            let (fleet, doubles) = (stage.fleet, stage.doubles)
            var changes = fleet.readiness.changes().makeAsyncIterator()
            #expect(await changes.next() == true)
            let watching = Task { await fleet.watch() }

            doubles[0].change { $0.isServerReady = false }
            await stage.clock.sleepersArrived(2)
            stage.clock.advance(by: .seconds(1))
            await stage.clock.sleepersArrived(2)
            #expect(fleet.readiness.isReady, "one of two is enough")
            #expect(fleet.complaints == "\(doubles[0].address): the server is not ready")

            doubles[1].change { $0.isModelReady = false }
            stage.clock.advance(by: .seconds(1))
            #expect(await changes.next() == false)

            doubles[0].change { $0.isServerReady = true }
            await stage.clock.sleepersArrived(2)
            stage.clock.advance(by: .seconds(1))
            #expect(await changes.next() == true)

            await stage.clock.sleepersArrived(2)
            watching.cancel()
            await watching.value
        }
    }

    /// Left when it fails, taken up again by a probe, and by nothing else.
    @Test func anEndpointIsTakenUpAgainByAProbe() async throws {
        try await FleetStage.with { stage in
            let (fleet, double) = (stage.fleet, stage.double)
            var changes = fleet.readiness.changes().makeAsyncIterator()
            #expect(await changes.next() == true)
            var stream = TestStream(seed: 2, on: fleet)
            double.answer(.failure(.unavailable, "restarting"))
            let chunk = stream.makeChunk()
            #expect(await stream.fail(chunk, on: fleet)?.kind == .unavailable)
            #expect(await changes.next() == false)
            double.answer(.right)
            for _ in 0..<3 {
                #expect(await stream.fail(chunk, on: fleet)?.kind == .unavailable)
            }
            #expect(double.inferences.count == 1)

            let watching = Task { await fleet.watch() }
            await stage.clock.sleeperArrived()
            stage.clock.advance(by: .seconds(1))
            #expect(await changes.next() == true)
            try await stream.run(chunk, on: fleet)
            watching.cancel()
            await watching.value
        }
    }

    /// A server that is started anew at its address is found there.
    @Test func aServerThatComesBackIsFound() async throws {
        try await FleetStage.with { stage in
            var stream = TestStream(seed: 3, on: stage.fleet)
            try await stream.run(on: stage.fleet)
            await stage.double.close()
            let chunk = stream.makeChunk()
            #expect(await stream.fail(chunk, on: stage.fleet)?.kind == .unavailable)
            let again = try TritonDouble(port: stage.double.port)
            // The connection is tried again after a pause of its own.
            while !stage.fleet.readiness.isReady, !Task.isCancelled {
                try await stage.fleet.check()
            }
            try await stream.run(chunk, on: stage.fleet)
            #expect(again.inferences.count == 1)
            await again.close()
        }
    }
}
