internal import GRPCTransport
internal import Testing

/// Both sides do what they like, at random, and at every point one may give up: whatever happens,
/// every call ends for both, and what arrives arrives in order.
@Suite(.timeLimit(.minutes(3)))
struct DisorderTests {
    @Test(arguments: 0..<8)
    func everyCallEnds(seed: UInt64) async throws {
        print("disorder, seed \(seed)")
        let callCount = 100
        let returned = Counter()
        let handler: Server.Handler = { call in
            defer { returned.increment() }
            let callSeed = UInt64(call.metadata["x-seed"] ?? "") ?? 0
            try await Self.behave(
                SeededGenerator(seed: callSeed ^ 0xFFFF),
                next: { () throws(RPCError) in try await call.next() },
                send: { (message) throws(RPCError) in try await call.send(message) },
                giveUp: { choice throws(RPCError) in
                    if choice == 0 { throw RPCError(.aborted, "given up") }
                    if choice == 1 { call.interrupt(with: RPCError(.outOfRange, "interrupted")) }
                }
            )
        }
        try await withLoopback(["/test/Disorder": handler]) { channel, server in
            await withTaskGroup(of: Void.self) { group in
                for index in 0..<callCount {
                    group.addTask {
                        var generator = SeededGenerator(seed: seed &* 1_000 &+ UInt64(index))
                        let metadata: Metadata = ["x-seed": "\(generator.next())"]
                        // Two sides that both wait to send to one that does not read wait for ever,
                        // as they should: the deadline is what ends it.
                        let timeout = Duration.milliseconds(
                            Int.random(in: 0..<300, using: &generator)
                        )
                        let call = channel.call(
                            "/test/Disorder",
                            metadata: metadata,
                            timeout: timeout
                        )
                        let task = Task { [generator] in
                            try? await Self.behave(
                                generator,
                                next: { () throws(RPCError) in try await call.next() },
                                send: { (message) throws(RPCError) in try await call.send(message)
                                },
                                giveUp: { choice throws(RPCError) in
                                    switch choice {
                                    case 0: call.cancel()
                                    case 1: withUnsafeCurrentTask { $0?.cancel() }
                                    default: try await call.finishSending()
                                    }
                                }
                            )
                        }
                        if index % 7 == 0 {
                            await Task.yield()
                            task.cancel()
                        }
                        await task.value
                        call.cancel()
                    }
                }
                if seed % 2 == 0 {
                    group.addTask {
                        for _ in 0..<100 { await Task.yield() }
                        await server.shutdown(gracePeriod: .milliseconds(5))
                    }
                }
            }
        }
        // withLoopback has waited for every handler; some calls never reached one.
        #expect(returned.value <= callCount)
    }

    /// Reads and writes in two tasks, each for a random while; sometimes gives up in between.
    private static func behave(
        _ generator: SeededGenerator,
        next: @Sendable @escaping () async throws(RPCError) -> MessageBytes?,
        send: @Sendable @escaping (MessageBytes) async throws(RPCError) -> Void,
        giveUp: @Sendable @escaping (Int) async throws(RPCError) -> Void
    ) async throws {
        var generator = generator
        let reads = Int.random(in: 0...60, using: &generator)
        let writes = Int.random(in: 0...60, using: &generator)
        let bytes = [8, 300, 3_200, 70_000].randomElement(using: &generator) ?? 8
        let surrender = Int.random(in: 0...80, using: &generator)
        let choice = Int.random(in: 0...2, using: &generator)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for expected in 0..<reads {
                    guard let message = try await next() else { return }
                    #expect(message.number == expected)
                }
            }
            group.addTask {
                for number in 0..<writes {
                    if number == surrender { try await giveUp(choice) }
                    try await send(MessageBytes(number: number, count: bytes))
                }
            }
            try await group.waitForAll()
        }
    }
}
