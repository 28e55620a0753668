internal import GRPCTransport
internal import Testing

@Suite(.timeLimit(.minutes(2)))
struct EchoTests {
    @Test func unaryCallAnswers() async throws {
        try await withLoopback(["/test/Echo": echo]) { channel, _ in
            let request = MessageBytes([1, 2, 3])
            let answer = try await channel.unary("/test/Echo", request)
            #expect(answer == request)
        }
    }

    @Test(arguments: [0, 1, 23, 24, 8_192, 65_536, 1_000_000, 4 << 20])
    func messageOfAnySizeComesBackWhole(count: Int) async throws {
        try await withLoopback(["/test/Echo": echo]) { channel, _ in
            let request = MessageBytes((0..<count).map { UInt8(truncatingIfNeeded: $0 / 7) })
            let answer = try await channel.unary("/test/Echo", request)
            #expect(answer.count == count)
            #expect(answer == request)
        }
    }

    @Test func messageOfManySlicesIsSentAsOne() async throws {
        try await withLoopback(["/test/Echo": echo]) { channel, _ in
            let whole = MessageBytes((0..<5_000).map { UInt8(truncatingIfNeeded: $0) })
            var cut = MessageBytes()
            for start in stride(from: 0, to: 5_000, by: 50) {
                cut.append(whole[start..<(start + 50)])
            }
            #expect(cut.sliceCount == 100)
            let answer = try await channel.unary("/test/Echo", cut)
            #expect(answer == whole)
        }
    }

    @Test func tenThousandMessagesEachWay() async throws {
        try await withLoopback(["/test/Echo": echo]) { channel, _ in
            let call = channel.call("/test/Echo")
            async let sending: Void = {
                for number in 0..<10_000 {
                    try await call.send(MessageBytes(number: number, count: number % 4_000))
                }
                try await call.finishSending()
            }()
            var received = 0
            while let message = try await call.next() {
                try #require(message.number == received)
                try #require(message.count == max(received % 4_000, 8))
                received += 1
            }
            try await sending
            #expect(received == 10_000)
        }
    }

    @Test func bothSidesSendWithoutWaitingForEachOther() async throws {
        let talk: Server.Handler = { call in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for number in 0..<10_000 { try await call.send(MessageBytes(number: number)) }
                }
                group.addTask {
                    var expected = 0
                    while let message = try await call.next() {
                        guard message.number == expected else {
                            throw RPCError(.dataLoss, "\(message.number) for \(expected)")
                        }
                        expected += 1
                    }
                    guard expected == 10_000 else { throw RPCError(.dataLoss, "\(expected)") }
                }
                try await group.waitForAll()
            }
        }
        try await withLoopback(["/test/Talk": talk]) { channel, _ in
            let call = channel.call("/test/Talk")
            async let sending: Void = {
                for number in 0..<10_000 { try await call.send(MessageBytes(number: number)) }
                try await call.finishSending()
            }()
            let (messages, status) = await drain(call)
            try await sending
            #expect(status == nil)
            #expect(messages.map(\.number) == Array(0..<10_000))
        }
    }

    @Test func oneThousandCallsAtOnce() async throws {
        let arrived = Counter()
        let allArrived = Signal()
        let meeting: Server.Handler = { call in
            arrived.increment()
            if arrived.value == 1_000 { allArrived.fire() }
            await allArrived.wait()
            try await echo(call)
        }
        try await withLoopback(["/test/Meeting": meeting]) { channel, _ in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<1_000 {
                    group.addTask {
                        let call = channel.call("/test/Meeting")
                        for index in 0..<5 {
                            let message = MessageBytes(number: number * 5 + index, count: 320)
                            try await call.send(message)
                            guard try await call.next() == message else { return false }
                        }
                        try await call.finishSending()
                        return try await call.next() == nil
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test func oneThousandUnaryCallsAtOnce() async throws {
        try await withLoopback(["/test/Echo": echo]) { channel, _ in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<1_000 {
                    group.addTask {
                        let answer = try await channel.unary(
                            "/test/Echo",
                            MessageBytes(number: number),
                            timeout: .seconds(60)
                        )
                        return answer.number == number
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test func equalChannelsHaveConnectionsOfTheirOwn() async throws {
        let peer: Server.Handler = { call in
            _ = try await call.next()
            try await call.send(MessageBytes(Array(call.peer.utf8)))
        }
        try await withLoopback(["/test/Peer": peer]) { channel, server in
            let other = Channel(target: "127.0.0.1:\(server.port)")
            let first = try await channel.unary("/test/Peer", MessageBytes())
            let again = try await channel.unary("/test/Peer", MessageBytes())
            let second = try await other.unary("/test/Peer", MessageBytes())
            #expect(first == again)
            #expect(first != second)
            #expect(String(decoding: [UInt8](first), as: UTF8.self).hasPrefix("ipv4:127.0.0.1:"))
        }
    }

    @Test func unixSocketServes() async throws {
        let path = temporarySocket()
        var configuration = Server.Configuration()
        configuration.listenAddress = path
        let server = try Server(configuration: configuration, methods: ["/test/Echo": echo])
        let answer = try await Channel(target: path).unary("/test/Echo", MessageBytes([7]))
        #expect([UInt8](answer) == [7])
        await server.shutdown(gracePeriod: .zero)
    }
}
