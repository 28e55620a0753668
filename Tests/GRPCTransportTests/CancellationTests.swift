internal import GRPCTransport
internal import Synchronization
internal import Testing

/// What the client is doing when one side gives up.
enum ClientState: CaseIterable {
    case justStarted
    case waitingForMessage
    case waitingAfterHalfClose
    case waitingToSend
    case holdingUnreadMessages
}

/// What the handler is doing when one side gives up.
enum HandlerState: CaseIterable {
    case waitingForMessage
    case waitingToSend
    case waitingForSomethingElse
}

@Suite(.timeLimit(.minutes(2)))
struct ClientCancellationTests {
    enum Means: CaseIterable {
        case call
        case task
        case lettingGo
        case channel
    }

    @Test(arguments: ClientState.allCases, HandlerState.allCases)
    func handlerLearnsOfIt(clientState: ClientState, handlerState: HandlerState) async throws {
        for means in Means.allCases {
            try await cancel(clientState, handlerState, means)
        }
    }

    private func cancel(
        _ clientState: ClientState,
        _ handlerState: HandlerState,
        _ means: Means
    ) async throws {
        let isThere = Signal()
        let ended = Guarded<RPCError?>(nil)
        let hasEnded = Signal()
        let handler: Server.Handler = { call in
            do throws(RPCError) {
                if clientState == .holdingUnreadMessages {
                    for number in 0..<3 { try await call.send(MessageBytes(number: number)) }
                }
                isThere.fire()
                try await call.linger(handlerState)
            } catch {
                ended.withLock { $0 = error }
            }
            #expect(Task.isCancelled)
            hasEnded.fire()
        }
        try await withLoopback(["/test/Linger": handler, "/test/Echo": echo]) { channel, server in
            // A channel of its own, which one of the means closes.
            let ownChannel = Channel(target: "127.0.0.1:\(server.port)")
            let task = Task {
                let call = ownChannel.call("/test/Linger")
                let client = Task { await call.pursue(clientState) }
                await isThere.wait()
                // Lets the client get where it is going.
                for _ in 0..<5 { _ = try await channel.unary("/test/Echo", MessageBytes()) }
                switch means {
                case .call: call.cancel()
                case .task: client.cancel()
                case .lettingGo: client.cancel()
                case .channel: ownChannel.close()
                }
                var status = await client.value
                if means == .channel, clientState == .waitingToSend {
                    // A failed send leaves the status to the reader.
                    #expect(status?.code == .unavailable)
                    status = await drain(call).1
                }
                if means != .lettingGo, clientState.waits { #expect(status?.code == .cancelled) }
                // Whether or not something waited, the call is over now or with its last reference.
            }
            try await task.value
            await hasEnded.wait()
        }
        #expect(ended.withLock { $0 }?.code == .cancelled)
    }

    @Test func cancelledCallStaysCancelled() async throws {
        let forever: Server.Handler = { call in try await call.linger(.waitingForMessage) }
        try await withLoopback(["/test/Linger": forever]) { channel, _ in
            let call = channel.call("/test/Linger")
            try await call.send(MessageBytes([1]))
            call.cancel()
            call.cancel()
            #expect(
                await rpcError { () throws(RPCError) in try await call.next() }?.code == .cancelled
            )
            #expect(
                await rpcError { () throws(RPCError) in
                    try await call.send(MessageBytes([2]))
                }?.code == .cancelled
            )
            #expect(
                await rpcError { () throws(RPCError) in try await call.next() }?.code == .cancelled
            )
        }
    }

    @Test func cancellingAnEndedCallChangesNothing() async throws {
        try await withLoopback(["/test/Echo": echo]) { channel, _ in
            let call = channel.call("/test/Echo")
            try await call.finishSending()
            #expect(try await call.next() == nil)
            call.cancel()
            #expect(try await call.next() == nil)
            #expect(call.trailingMetadata != nil)
        }
    }

    @Test func cancelledTaskCannotBeginACall() async throws {
        let calls = Counter()
        let count: Server.Handler = { call in
            calls.increment()
            try await echo(call)
        }
        try await withLoopback(["/test/Count": count]) { channel, _ in
            for _ in 0..<100 {
                let task = Task { () -> RPCError? in
                    withUnsafeCurrentTask { $0?.cancel() }
                    return await rpcError { () throws(RPCError) in
                        try await channel.unary("/test/Count", MessageBytes([1]))
                    }
                }
                #expect(await task.value?.code == .cancelled)
            }
        }
    }

    @Test func unaryCallIsCancelledWithItsTask() async throws {
        let isThere = Signal()
        let hasEnded = Signal()
        let handler: Server.Handler = { call in
            isThere.fire()
            defer { hasEnded.fire() }
            _ = try await call.next()
            try await call.linger(.waitingForSomethingElse)
        }
        try await withLoopback(["/test/Linger": handler]) { channel, _ in
            let task = Task {
                await rpcError { () throws(RPCError) in
                    try await channel.unary("/test/Linger", MessageBytes([1]))
                }
            }
            await isThere.wait()
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            await hasEnded.wait()
        }
    }

    @Test func abandonedCallsLeaveNothingBehind() async throws {
        let ended = Counter()
        let allEnded = Signal()
        let handler: Server.Handler = { call in
            defer {
                ended.increment()
                if ended.value == 200 { allEnded.fire() }
            }
            try await call.send(MessageBytes())
            try await call.linger(.waitingForMessage)
        }
        try await withLoopback(["/test/Linger": handler, "/test/Gone": echo]) { channel, _ in
            for number in 0..<200 {
                let call = channel.call("/test/Linger")
                try await call.send(MessageBytes(number: number))
                #expect(try await call.next() != nil)
                // Let go before the server has heard of it.
                _ = channel.call("/test/Gone")
            }
            await allEnded.wait()
        }
    }
}

@Suite(.timeLimit(.minutes(2)))
struct HandlerCancellationTests {
    @Test(arguments: ClientState.allCases, HandlerState.allCases)
    func clientGetsTheStatus(clientState: ClientState, handlerState: HandlerState) async throws {
        let isThere = Signal()
        let mayEnd = Signal()
        let status = RPCError(.aborted, "enough of this")
        let handler: Server.Handler = { call in
            if clientState == .holdingUnreadMessages {
                for number in 0..<3 { try await call.send(MessageBytes(number: number)) }
            }
            isThere.fire()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    let error = await rpcError { () throws(RPCError) in
                        try await call.linger(handlerState)
                    }
                    #expect(error?.code == .cancelled)
                }
                await mayEnd.wait()
                group.cancelAll()
            }
            #expect(!Task.isCancelled)
            throw status
        }
        try await withLoopback(["/test/Linger": handler, "/test/Echo": echo]) { channel, _ in
            let call = channel.call("/test/Linger")
            let client = Task { await call.pursue(clientState) }
            await isThere.wait()
            for _ in 0..<5 { _ = try await channel.unary("/test/Echo", MessageBytes()) }
            mayEnd.fire()
            _ = await client.value
            let (_, received) = await drain(call)
            #expect(received?.code == status.code)
            #expect(received?.message == status.message)
            // The call is over for its sender too.
            #expect(
                await rpcError { () throws(RPCError) in try await call.send(MessageBytes()) }
                    == received
            )
        }
    }

    @Test func statusOvertakesAMessageThatTheClientDoesNotTake() async throws {
        let sent = Counter()
        let mayEnd = Signal()
        let handler: Server.Handler = { call in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    let message = MessageBytes(number: 0, count: 32_000)
                    while (try? await call.send(message)) != nil { sent.increment() }
                }
                await mayEnd.wait()
                group.cancelAll()
            }
            throw RPCError(.deadlineExceeded, "the client does not read")
        }
        try await withLoopback(["/test/Flood": handler, "/test/Echo": echo]) { channel, _ in
            let call = channel.call("/test/Flood")
            // Until the handler's message is stuck.
            _ = try await sent.settled(over: channel)
            mayEnd.fire()
            // The call ends although nothing has been read. Sending is how a client notices.
            let error = await call.pursue(.waitingToSend)
            #expect(error?.code == .unavailable)
            #expect(await drain(call).1?.code == .deadlineExceeded)
        }
    }

    @Test func interruptionReachesAPendingAndEveryLaterRead() async throws {
        let isThere = Signal()
        let handler: Server.Handler = { call in
            async let first = rpcError { () throws(RPCError) in try await call.next() }
            isThere.fire()
            call.interrupt(with: RPCError(.deadlineExceeded, "no audio came"))
            call.interrupt(with: RPCError(.internal, "the second does not count"))
            #expect(await first?.message == "no audio came")
            let second = await rpcError { () throws(RPCError) in try await call.next() }
            #expect(second?.message == "no audio came")
            // It can still say something before it ends.
            try await call.send(MessageBytes([1]))
            throw second ?? RPCError(.internal, "the read was not interrupted")
        }
        try await withLoopback(["/test/Idle": handler]) { channel, _ in
            let call = channel.call("/test/Idle")
            let (messages, status) = await drain(call)
            #expect(messages == [MessageBytes([1])])
            #expect(status?.code == .deadlineExceeded)
            #expect(status?.message == "no audio came")
        }
    }

    @Test func messageThatACancelledReadAskedForIsNotLost() async throws {
        let mayContinue = Signal()
        let handler: Server.Handler = { call in
            let reader = Task { await rpcError { () throws(RPCError) in try await call.next() } }
            reader.cancel()
            #expect(await reader.value?.code == .cancelled)
            mayContinue.fire()
            var expected = 0
            while let message = try await call.next() {
                #expect(message.number == expected)
                expected += 1
            }
            #expect(expected == 3)
        }
        try await withLoopback(["/test/Read": handler]) { channel, _ in
            let call = channel.call("/test/Read")
            await mayContinue.wait()
            for number in 0..<3 { try await call.send(MessageBytes(number: number)) }
            try await call.finishSending()
            #expect(try await call.next() == nil)
        }
    }

    @Test func handlerThatReturnsEarlyEndsTheCall() async throws {
        let handler: Server.Handler = { call in
            if let message = try await call.next() { try await call.send(message) }
        }
        try await withLoopback(["/test/First": handler]) { channel, _ in
            let call = channel.call("/test/First")
            async let sending: RPCError? = {
                do throws(RPCError) {
                    for number in 0..<100_000 { try await call.send(MessageBytes(number: number)) }
                    return nil
                } catch { return error }
            }()
            let (messages, status) = await drain(call)
            #expect(messages.map(\.number) == [0])
            #expect(status == nil)
            #expect(await sending != nil)
        }
    }

    @Test func callUsedAfterItsHandlerReturnedThrows() async throws {
        let kept = Guarded<ServerCall?>(nil)
        try await withLoopback(["/test/Keep": { call in kept.withLock { $0 = call } }]) {
            channel,
            _ in
            #expect(try await channel.call("/test/Keep").next() == nil)
            let call = try #require(kept.withLock { $0 })
            #expect(
                await rpcError { () throws(RPCError) in try await call.next() }?.code == .cancelled
            )
            #expect(
                await rpcError { () throws(RPCError) in
                    try await call.send(MessageBytes([1]))
                }?.code == .cancelled
            )
        }
    }

    @Test func secondReaderIsRefusedAndTheFirstUndisturbed() async throws {
        let handler: Server.Handler = { call in
            async let first = call.next()
            var second: RPCError?
            // Whichever of the two comes second is refused at once.
            while second == nil {
                let attempt = Task { () -> RPCError? in
                    do throws(RPCError) {
                        _ = try await call.next()
                        return nil
                    } catch { return error }
                }
                second = await attempt.value
            }
            #expect(second?.code == .failedPrecondition)
            try await call.send(MessageBytes([9]))
            _ = try await first
        }
        try await withLoopback(["/test/Two": handler]) { channel, _ in
            let call = channel.call("/test/Two")
            #expect(try await call.next() == MessageBytes([9]))
            try await call.finishSending()
            _ = await drain(call)
        }
    }
}

extension ServerCall {
    /// Does one thing until it throws.
    func linger(_ state: HandlerState) async throws(RPCError) {
        switch state {
        case .waitingForMessage:
            while try await next() != nil {}
            // Half-closed: the client is waiting. So does the handler.
            try await waitForCancellation()
        case .waitingToSend:
            while true {
                try await send(
                    MessageBytes(count: 32_000) {
                        $0.initializeMemory(as: UInt8.self, repeating: 1)
                    }
                )
            }
        case .waitingForSomethingElse:
            try await waitForCancellation()
        }
    }

    private func waitForCancellation() async throws(RPCError) {
        let cancelled = Signal()
        await withTaskCancellationHandler {
            await cancelled.wait()
        } onCancel: {
            cancelled.fire()
        }
        throw RPCError(.cancelled, "the handler's task was cancelled")
    }
}

extension ClientState {
    /// Whether the client waits for something that never comes.
    var waits: Bool { self != .justStarted && self != .holdingUnreadMessages }
}

extension Call {
    /// Gets into a state and stays until the call ends; the status.
    func pursue(_ state: ClientState) async -> RPCError? {
        do throws(RPCError) {
            switch state {
            case .justStarted, .holdingUnreadMessages: break
            case .waitingForMessage: while try await next() != nil {}
            case .waitingAfterHalfClose:
                try await finishSending()
                while try await next() != nil {}
            case .waitingToSend:
                while true { try await send(MessageBytes(number: 1, count: 32_000)) }
            }
            return nil
        } catch {
            return error
        }
    }
}
