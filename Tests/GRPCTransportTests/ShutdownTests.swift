internal import GRPCTransport
internal import Testing

@Suite(.timeLimit(.minutes(2)))
struct ShutdownTests {
    private func makeServer(_ methods: [String: Server.Handler]) throws -> Server {
        var configuration = Server.Configuration()
        configuration.listenAddress = "127.0.0.1:0"
        return try Server(configuration: configuration, methods: methods)
    }

    @Test func openCallMayFinishAndNewOnesAreRefused() async throws {
        let server = try makeServer(["/test/Echo": echo])
        let channel = Channel(target: "127.0.0.1:\(server.port)")
        let call = channel.call("/test/Echo")
        try await call.send(MessageBytes([1]))
        #expect(try await call.next() == MessageBytes([1]))
        let isDown = Signal()
        let shutdown = Task {
            await server.shutdown(gracePeriod: .seconds(60))
            isDown.fire()
        }
        // Refused, sooner or later: the shutdown has begun when that happens. A call that gRPC has
        // taken in and not yet handed over at that moment ends as CANCELLED.
        while true {
            do {
                _ = try await channel.unary("/test/Echo", MessageBytes([2]), timeout: .seconds(60))
            } catch {
                #expect(error.code == .unavailable || error.code == .cancelled)
                break
            }
        }
        #expect(!isDown.isFired)
        for byte in UInt8(0)..<100 {
            try await call.send(MessageBytes([byte]))
            #expect(try await call.next() == MessageBytes([byte]))
        }
        try await call.finishSending()
        #expect(try await call.next() == nil)
        await shutdown.value
    }

    @Test(arguments: HandlerState.allCases)
    func openCallsAreCancelledAfterTheGracePeriod(handlerState: HandlerState) async throws {
        let returned = Counter()
        let isThere = Counter()
        let allThere = Signal()
        let server = try makeServer([
            "/test/Linger": { call in
                isThere.increment()
                if isThere.value == 50 { allThere.fire() }
                defer { returned.increment() }
                try await call.linger(handlerState)
            }
        ])
        let channel = Channel(target: "127.0.0.1:\(server.port)")
        let calls = (0..<50).map { _ in channel.call("/test/Linger") }
        await allThere.wait()
        let start = ContinuousClock.now
        await server.shutdown(gracePeriod: .milliseconds(50))
        let elapsed = ContinuousClock.now - start
        #expect(returned.value == 50)
        #expect(elapsed >= .milliseconds(50))
        for call in calls {
            let code = await statusCode(of: call)
            if handlerState == .waitingToSend {
                // This client does not read, so its status waits behind what it does not take, until
                // its connection is closed.
                #expect(code == .cancelled || code == .unavailable)
            } else {
                #expect(code == .cancelled)
            }
        }
    }

    @Test func clientsInTheMiddleOfSendingLearnOfIt() async throws {
        let server = try makeServer(["/test/Echo": echo])
        let channel = Channel(target: "127.0.0.1:\(server.port)")
        let busy = Counter()
        let allBusy = Signal()
        let clients = (0..<50).map { _ in
            Task { () -> RPCError? in
                let call = channel.call("/test/Echo")
                do throws(RPCError) {
                    for round in 0... {
                        try await call.send(MessageBytes(number: round, count: 3_200))
                        _ = try await call.next()
                        if round == 3 {
                            busy.increment()
                            if busy.value == 50 { allBusy.fire() }
                        }
                    }
                } catch {}
                return await drain(call).1
            }
        }
        await allBusy.wait()
        await server.shutdown(gracePeriod: .zero)
        for client in clients {
            let status = await client.value
            // Unavailable where the client was writing to the connection when it closed, and so never
            // came to read its status.
            #expect(status?.code == .cancelled || status?.code == .unavailable)
        }
    }

    @Test func handlerThatTakesItsTimeIsWaitedFor() async throws {
        let isThere = Signal()
        let mayReturn = Signal()
        let hasReturned = Signal()
        let server = try makeServer([
            "/test/Stubborn": { _ in
                isThere.fire()
                await mayReturn.wait()
                hasReturned.fire()
            }
        ])
        let channel = Channel(target: "127.0.0.1:\(server.port)")
        let call = channel.call("/test/Stubborn")
        await isThere.wait()
        let shutdown = Task { await server.shutdown(gracePeriod: .zero) }
        // The client has its status before the handler has noticed.
        #expect(await statusCode(of: call) == .cancelled)
        #expect(!hasReturned.isFired)
        mayReturn.fire()
        await shutdown.value
        #expect(hasReturned.isFired)
    }

    @Test func shutdownMayBeCalledOften() async throws {
        let server = try makeServer(["/test/Echo": echo])
        let call = Channel(target: "127.0.0.1:\(server.port)").call("/test/Echo")
        try await call.send(MessageBytes([1]))
        #expect(try await call.next() == MessageBytes([1]))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await server.shutdown(gracePeriod: .seconds(60)) }
            group.addTask { await server.shutdown(gracePeriod: .seconds(3_600)) }
            // The shortest grace period holds.
            group.addTask { await server.shutdown(gracePeriod: .zero) }
        }
        #expect(await statusCode(of: call) == .cancelled)
        await server.shutdown(gracePeriod: .seconds(60))
    }

    @Test func serverThatIsLetGoCancelsItsCalls() async throws {
        let returned = Signal()
        let isThere = Signal()
        var server: Server? = try makeServer([
            "/test/Linger": { call in
                isThere.fire()
                defer { returned.fire() }
                try await call.linger(.waitingForMessage)
            }
        ])
        let channel = Channel(target: "127.0.0.1:\(try #require(server).port)")
        let call = channel.call("/test/Linger")
        await isThere.wait()
        server = nil
        #expect(await statusCode(of: call) == .cancelled)
        await returned.wait()
    }

    @Test func shutdownWithCallsArrivingNeverHangs() async throws {
        for _ in 0..<10 {
            let server = try makeServer(["/test/Echo": echo])
            let channel = Channel(target: "127.0.0.1:\(server.port)")
            _ = try await channel.unary("/test/Echo", MessageBytes([1]))
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        let error: RPCError?
                        do throws(RPCError) {
                            _ = try await channel.unary("/test/Echo", MessageBytes([1]))
                            error = nil
                        } catch let thrown { error = thrown }
                        let codes = [nil, RPCError.Code.unavailable, .cancelled]
                        #expect(codes.contains(error?.code))
                    }
                }
                group.addTask { await server.shutdown(gracePeriod: .zero) }
            }
        }
    }

    @Test func addressInUseIsNamed() async throws {
        let server = try makeServer([:])
        let address = "127.0.0.1:\(server.port)"
        var configuration = Server.Configuration()
        configuration.listenAddress = address
        let error = #expect(throws: RPCError.self) {
            try Server(configuration: configuration, methods: [:])
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains(address) == true)
        await server.shutdown(gracePeriod: .zero)
    }

    @Test(arguments: ["nonsense", "203.0.113.77:0", "127.0.0.1:99999", "", "unix:/nonexistent/x"])
    func badAddressIsNamed(address: String) async throws {
        var configuration = Server.Configuration()
        configuration.listenAddress = address
        let error = #expect(throws: RPCError.self) {
            try Server(configuration: configuration, methods: [:])
        }
        #expect(error?.message.contains(address.isEmpty ? "cannot listen" : address) == true)
    }
}

/// The code of the status that a call ends with; nil: OK.
private func statusCode(of call: Call) async -> RPCError.Code? {
    let (_, status) = await drain(call)
    return status?.code
}
