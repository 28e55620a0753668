internal import GRPCTransport
internal import Testing

@Suite(.timeLimit(.minutes(2)))
struct FlowControlTests {
    /// 128 KiB a stream is what the design allows one whose handler does not read.
    private static let allowedBytes = 128 << 10

    @Test(arguments: [8, 333, 3_200, 32_000])
    func handlerThatDoesNotReadTakesInLittle(messageBytes: Int) async throws {
        let mayRead = Signal()
        let received = Counter()
        let reluctant: Server.Handler = { call in
            await mayRead.wait()
            while try await call.next() != nil { received.increment() }
        }
        try await withLoopback(["/test/Reluctant": reluctant, "/test/Echo": echo]) { channel, _ in
            let call = channel.call("/test/Reluctant")
            let taken = Counter()
            let total = 2 * Self.allowedBytes / messageBytes
            async let sending: Void = {
                for number in 0..<total {
                    try await call.send(MessageBytes(number: number, count: messageBytes))
                    taken.increment()
                }
                try await call.finishSending()
            }()
            // The message under way may be partly in, and each has a header of 5 bytes.
            let count = try await taken.settled(over: channel)
            let bytes = (count + 1) * (messageBytes + 5)
            print(
                "unread stream, messages of \(messageBytes) bytes: took in at most \(bytes) bytes"
            )
            #expect(bytes <= Self.allowedBytes)
            #expect(received.value == 0)
            mayRead.fire()
            try await sending
            #expect(try await call.next() == nil)
            #expect(received.value == total)
        }
    }

    @Test func oneHundredUnreadStreamsDoNotStopAnother() async throws {
        let mayRead = Signal()
        let reluctant: Server.Handler = { call in
            await mayRead.wait()
            while try await call.next() != nil {}
        }
        try await withLoopback(["/test/Reluctant": reluctant, "/test/Echo": echo]) { channel, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                let taken = Counter()
                for _ in 0..<100 {
                    let call = channel.call("/test/Reluctant")
                    group.addTask {
                        for number in 0..<80 {
                            try await call.send(MessageBytes(number: number, count: 3_200))
                            taken.increment()
                        }
                        try await call.finishSending()
                        _ = try await call.next()
                    }
                }
                let count = try await taken.settled(over: channel)
                print("100 unread streams took in \((count + 100) * 3_205) bytes together")
                #expect((count + 100) * 3_205 <= 100 * Self.allowedBytes)
                try await Self.exchange(1_000, over: channel)
                mayRead.fire()
                try await group.waitForAll()
            }
        }
    }

    @Test func clientThatDoesNotReadStopsItsOwnStreamAndNoOther() async throws {
        let sent = Counter()
        let total = 20_000
        let flood: Server.Handler = { call in
            for number in 0..<total {
                try await call.send(MessageBytes(number: number, count: 3_200))
                sent.increment()
            }
        }
        try await withLoopback(["/test/Flood": flood, "/test/Echo": echo]) { channel, _ in
            let unread = channel.call("/test/Flood")
            let stopped = try await sent.settled(over: channel)
            print("a client that does not read stopped its server at \(stopped * 3_200) bytes")
            #expect(stopped < total)
            try await Self.exchange(10_000, over: channel)
            #expect(sent.value == stopped)
            let (messages, status) = await drain(unread)
            #expect(status == nil)
            #expect(messages.map(\.number) == Array(0..<total))
        }
    }

    @Test func slowReaderGetsEverythingInOrder() async throws {
        let flood: Server.Handler = { call in
            for number in 0..<500 {
                try await call.send(MessageBytes(number: number, count: 10_000))
            }
        }
        try await withLoopback(["/test/Flood": flood, "/test/Echo": echo]) { channel, _ in
            let call = channel.call("/test/Flood")
            var received = 0
            while let message = try await call.next() {
                try #require(message.number == received)
                received += 1
                // Slow by what else the connection does between two messages, not by a clock.
                _ = try await channel.unary("/test/Echo", MessageBytes([0]))
            }
            #expect(received == 500)
        }
    }

    @Test func slowHandlerGetsEverythingInOrder() async throws {
        let slow: Server.Handler = { call in
            var expected = 0
            while let message = try await call.next() {
                guard message.number == expected else { throw RPCError(.dataLoss, "out of order") }
                expected += 1
                for _ in 0..<20 { await Task.yield() }
            }
            try await call.send(MessageBytes(number: expected))
        }
        try await withLoopback(["/test/Slow": slow]) { channel, _ in
            let call = channel.call("/test/Slow")
            for number in 0..<500 {
                try await call.send(MessageBytes(number: number, count: 10_000))
            }
            try await call.finishSending()
            #expect(try await call.next()?.number == 500)
            #expect(try await call.next() == nil)
        }
    }

    @Test func slowWriterKeepsTheOtherSideWaiting() async throws {
        try await withLoopback(["/test/Echo": echo]) { channel, _ in
            let call = channel.call("/test/Echo")
            for number in 0..<200 {
                _ = try await channel.unary("/test/Echo", MessageBytes([0]))
                try await call.send(MessageBytes(number: number))
                #expect(try await call.next()?.number == number)
            }
            try await call.finishSending()
            #expect(try await call.next() == nil)
        }
    }

    private static func exchange(_ count: Int, over channel: Channel) async throws {
        let call = channel.call("/test/Echo")
        for number in 0..<count {
            try await call.send(MessageBytes(number: number, count: 320))
            try #require(try await call.next()?.number == number)
        }
        try await call.finishSending()
        #expect(try await call.next() == nil)
    }
}
