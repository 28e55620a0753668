internal import GRPCTransport
internal import Testing

@Suite(.timeLimit(.minutes(1)))
struct ChannelTests {
    @Test func nobodyThereIsUnavailable() async throws {
        let channel = Channel(target: temporarySocket())
        let error = await rpcError { () throws(RPCError) in
            try await channel.unary("/test/Echo", MessageBytes(), timeout: .seconds(10))
        }
        #expect(error?.code == .unavailable)
        #expect(await drain(channel.call("/test/Echo")).1?.code == .unavailable)
    }

    @Test func connectsAgainToAServerThatCameBack() async throws {
        // A path, since any process may take a port between the two servers.
        var configuration = Server.Configuration()
        configuration.listenAddress = temporarySocket()
        let first = try Server(configuration: configuration, methods: ["/test/Echo": echo])
        var settings = Channel.Configuration()
        settings.minimumReconnectBackoff = .milliseconds(10)
        settings.maximumReconnectBackoff = .milliseconds(100)
        let channel = Channel(target: configuration.listenAddress, configuration: settings)
        _ = try await channel.unary("/test/Echo", MessageBytes())
        await first.shutdown(gracePeriod: .zero)
        _ = await rpcError { () throws(RPCError) in
            try await channel.unary("/test/Echo", MessageBytes())
        }
        let second = try Server(configuration: configuration, methods: ["/test/Echo": echo])
        // Fails until the next attempt to connect; the suite's time limit ends it otherwise.
        var isBack = false
        while !isBack {
            do throws(RPCError) {
                _ = try await channel.unary("/test/Echo", MessageBytes())
                isBack = true
            } catch {
                #expect(error.code == .unavailable)
                await Task.yield()
            }
        }
        await second.shutdown(gracePeriod: .zero)
    }

    @Test func closedChannelRefusesCalls() async throws {
        try await withLoopback(["/test/Echo": echo]) { channel, _ in
            let open = channel.call("/test/Echo")
            try await open.send(MessageBytes([1]))
            #expect(try await open.next() == MessageBytes([1]))
            channel.close()
            channel.close()
            #expect(await drain(open).1?.code == .cancelled)
            let error = await rpcError { () throws(RPCError) in
                try await channel.unary("/test/Echo", MessageBytes())
            }
            #expect(error == RPCError(.unavailable, "the channel has been closed"))
            #expect(
                await drain(channel.call("/test/Echo")).1
                    == RPCError(.unavailable, "the channel has been closed")
            )
        }
    }

    @Test func callOutlivesItsChannel() async throws {
        try await withLoopback(["/test/Echo": echo]) { _, server in
            var channel: Channel? = Channel(target: "127.0.0.1:\(server.port)")
            let call = try #require(channel).call("/test/Echo")
            channel = nil
            try await call.send(MessageBytes([1]))
            #expect(try await call.next() == MessageBytes([1]))
            try await call.finishSending()
            try await call.finishSending()
            let late = await rpcError { () throws(RPCError) in
                try await call.send(MessageBytes([2]))
            }
            #expect(late?.code == .failedPrecondition)
            #expect(try await call.next() == nil)
        }
    }
}
