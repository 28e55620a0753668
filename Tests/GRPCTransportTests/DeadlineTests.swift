internal import GRPCTransport
internal import Testing

@Suite(.timeLimit(.minutes(1)))
struct DeadlineTests {
    @Test(arguments: HandlerState.allCases)
    func deadlineEndsTheCallOnBothSides(handlerState: HandlerState) async throws {
        let ended = Guarded<RPCError?>(nil)
        let hasEnded = Signal()
        let handler: Server.Handler = { call in
            #expect(call.deadline.map { $0 > .now - .seconds(60) } == true)
            do throws(RPCError) { try await call.linger(handlerState) } catch {
                ended.withLock { $0 = error }
            }
            hasEnded.fire()
        }
        try await withLoopback(["/test/Linger": handler]) { channel, _ in
            let call = channel.call("/test/Linger", timeout: .milliseconds(200))
            if handlerState != .waitingToSend {
                #expect(
                    await rpcError { () throws(RPCError) in try await call.next() }?.code
                        == .deadlineExceeded
                )
            }
            await hasEnded.wait()
            #expect(ended.withLock { $0 }?.code == .cancelled)
            if handlerState == .waitingToSend {
                #expect(await drain(call).1?.code == .deadlineExceeded)
            }
        }
    }

    @Test func unaryCallTimesOut() async throws {
        let handler: Server.Handler = { call in try await call.linger(.waitingForMessage) }
        try await withLoopback(["/test/Linger": handler]) { channel, _ in
            let error = await rpcError { () throws(RPCError) in
                try await channel.unary(
                    "/test/Linger",
                    MessageBytes(),
                    timeout: .milliseconds(100)
                )
            }
            #expect(error?.code == .deadlineExceeded)
        }
    }

    @Test(arguments: [Duration.zero, .seconds(-5), .seconds(Int64.min)])
    func timeoutThatHasPassedFailsAtOnce(timeout: Duration) async throws {
        try await withLoopback(["/test/Echo": echo]) { channel, _ in
            let error = await rpcError { () throws(RPCError) in
                try await channel.unary("/test/Echo", MessageBytes(), timeout: timeout)
            }
            #expect(error?.code == .deadlineExceeded)
        }
    }

    @Test(arguments: [nil, Duration.seconds(Int64.max)])
    func callWithoutDeadlineHasNone(timeout: Duration?) async throws {
        let handler: Server.Handler = { call in
            // gRPC cannot express the longest ones; decades will do.
            #expect(call.deadline.map { $0 > .now + .seconds(1_000_000) } ?? true)
            if timeout == nil { #expect(call.deadline == nil) }
            try await echo(call)
        }
        try await withLoopback(["/test/Echo": handler]) { channel, _ in
            _ = try await channel.unary("/test/Echo", MessageBytes(), timeout: timeout)
        }
    }

    @Test func handlerSeesTheDeadline() async throws {
        let handler: Server.Handler = { call in
            let rest = (call.deadline ?? .now) - .now
            #expect(rest > .seconds(20) && rest <= .seconds(30))
        }
        try await withLoopback(["/test/Look": handler]) { channel, _ in
            let call = channel.call("/test/Look", timeout: .seconds(30))
            let message = try await call.next()
            #expect(message == nil)
        }
    }
}
