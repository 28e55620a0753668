internal import GRPCTransport
internal import Testing

@Suite(.timeLimit(.minutes(1)))
struct LimitTests {
    @Test(arguments: [1_001, 5_000, 1_000_000])
    func messageOverTheServersLimitEndsItsCallOnly(count: Int) async throws {
        let seen = Guarded<RPCError?>(nil)
        let handler: Server.Handler = { call in
            do throws(RPCError) {
                while let message = try await call.next() { try await call.send(message) }
                Issue.record("the handler saw a half-close")
            } catch {
                seen.withLock { $0 = error }
                #expect(!Task.isCancelled)
            }
            // A handler that swallows the error changes nothing for the client.
        }
        try await withLoopback(
            ["/test/Limited": handler, "/test/Echo": echo],
            server: { $0.maximumReceivedMessageBytes = 1_000 }
        ) { channel, _ in
            let other = channel.call("/test/Echo")
            let call = channel.call("/test/Limited")
            try await call.send(MessageBytes(number: 0, count: 1_000))
            #expect(try await call.next()?.count == 1_000)
            try await call.send(MessageBytes(number: 1, count: count))
            let (_, status) = await drain(call)
            #expect(status?.code == .resourceExhausted)
            #expect(
                status?.message == "a message of \(count) bytes is over the limit of 1000 bytes"
            )
            #expect(seen.withLock { $0 } == RPCError(status?.code ?? .ok, status?.message ?? ""))
            // The connection and its other calls go on.
            try await other.send(MessageBytes([1]))
            #expect(try await other.next() == MessageBytes([1]))
        }
    }

    @Test func messageOverTheClientsLimitEndsTheCall() async throws {
        let flood: Server.Handler = { call in
            try await call.send(MessageBytes(number: 1, count: 2_000))
        }
        try await withLoopback(
            ["/test/Flood": flood],
            channel: { $0.maximumReceivedMessageBytes = 1_000 }
        ) { channel, _ in
            let status = await drain(channel.call("/test/Flood")).1
            #expect(status?.code == .resourceExhausted)
            #expect(status?.message.contains("2000") == true)
            let unary = await rpcError { () throws(RPCError) in
                try await channel.unary("/test/Flood", MessageBytes())
            }
            #expect(unary?.code == .resourceExhausted)
        }
    }

    @Test func metadataOverTheLimitIsRefused() async throws {
        try await withLoopback(
            ["/test/Echo": echo],
            server: { $0.maximumMetadataBytes = 4_096 }
        ) { channel, _ in
            let big: Metadata = ["x-big": String(repeating: "a", count: 8_000)]
            let error = await rpcError { () throws(RPCError) in
                try await channel.unary("/test/Echo", MessageBytes(), metadata: big)
            }
            #expect(error?.code == .resourceExhausted)
            let small: Metadata = ["x-small": String(repeating: "a", count: 2_000)]
            let answer = try await channel.unary("/test/Echo", MessageBytes(), metadata: small)
            #expect(answer.isEmpty)
        }
    }

    @Test func callsOverAConnectionsLimitWaitTheirTurn() async throws {
        try await withLoopback(
            ["/test/Echo": echo],
            server: { $0.maximumCallsPerConnection = 2 }
        ) { channel, _ in
            // A round trip first: the client learns the limit with the connection's settings.
            _ = try await channel.unary("/test/Echo", MessageBytes())
            let first = channel.call("/test/Echo")
            let second = channel.call("/test/Echo")
            try await first.send(MessageBytes([1]))
            try await second.send(MessageBytes([2]))
            #expect(try await first.next() == MessageBytes([1]))
            #expect(try await second.next() == MessageBytes([2]))
            let error = await rpcError { () throws(RPCError) in
                try await channel.unary("/test/Echo", MessageBytes(), timeout: .milliseconds(200))
            }
            #expect(error?.code == .deadlineExceeded)
            try await first.finishSending()
            #expect(try await first.next() == nil)
            _ = try await channel.unary("/test/Echo", MessageBytes(), timeout: .seconds(10))
        }
    }

    @Test func unknownMethodIsNamed() async throws {
        try await withLoopback(["/test/Echo": echo]) { channel, _ in
            let error = await rpcError { () throws(RPCError) in
                try await channel.unary("/test/Nothing", MessageBytes())
            }
            #expect(error?.code == .unimplemented)
            #expect(error?.message == "there is no method /test/Nothing")
        }
    }
}
