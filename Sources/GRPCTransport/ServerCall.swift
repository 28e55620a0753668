internal import CGRPCShim

/// One call, as its handler sees it.
///
/// At most one task reads and one writes at a time; they may be different tasks.
public final class ServerCall: Sendable {
    /// "/package.Service/Method"
    public let method: String
    /// What the client sent with the call.
    public let metadata: Metadata
    /// The client's address as gRPC writes it, "ipv4:127.0.0.1:40000".
    public let peer: String
    /// When the client gives up, if it said so.
    public let deadline: ContinuousClock.Instant?

    private typealias Reader = CheckedContinuation<Result<MessageBytes?, RPCError>, Never>
    private typealias Writer = CheckedContinuation<Result<Void, RPCError>, Never>

    private struct Protected {
        var state: ServerCallState<Reader, Writer>
        var trailingMetadata = Metadata()
        var task: Task<Void, Never>?
        var cancelsTask = false
    }

    private let protected: Guarded<Protected>
    private let handle: Handle

    /// The owner's reference to the shim's call.
    ///
    /// Unchecked because the pointer's type says nothing: the shim's functions may be called from
    /// any thread until release, which is when nobody has this object any more.
    private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    /// Takes over the call that gRPC has just handed to the server.
    init(taking pointer: OpaquePointer, maximumMessageBytes: Int) {
        protected = Guarded(Protected(state: .init(maximumMessageBytes: maximumMessageBytes)))
        handle = Handle(pointer: pointer)
        method = cgrpc_server_call_method(pointer).string
        peer = cgrpc_server_call_peer(pointer).string
        let nanoseconds = cgrpc_server_call_remaining_nanoseconds(pointer)
        deadline = nanoseconds == .max ? nil : .now + .nanoseconds(nanoseconds)
        var metadata = Metadata()
        withUnsafeMutablePointer(to: &metadata) { metadata in
            cgrpc_server_call_metadata(pointer, metadata) { context, key, value in
                // The address of the variable above, on the same thread.
                context?.assumingMemoryBound(to: Metadata.self).pointee.append(key, value)
            }
        }
        self.metadata = metadata
    }

    deinit {
        cgrpc_server_call_release(handle.pointer)
    }

    // MARK: The handler's face

    /// The client's next message; nil once the client has half-closed. A message is taken from the
    /// network only when asked for here.
    ///
    /// Throws `.cancelled` when the call died or the waiting task was cancelled (the message is then
    /// kept for the next to ask), `.resourceExhausted` when the message was over the server's limit,
    /// and what ``interrupt(with:)`` was given.
    public func next() async throws(RPCError) -> MessageBytes? {
        // If the cancellation handler runs before the continuation is registered, it finds nobody to
        // resume; the check after registration then finds the task cancelled. If it runs after, it
        // resumes the waiter, and the check finds nobody. The state hands a waiter out only once.
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (reader: Reader) in
                switch protected.withLock({ $0.state.next(reader) }) {
                case .wait: break
                case .resume(let reader, let result): return reader.resume(returning: result)
                case .startRead:
                    if !cgrpc_server_call_read(handle.pointer) { completeRead(.failed) }
                }
                if Task.isCancelled { cancelReader() }
            }
        } onCancel: {
            cancelReader()
        }
        protected.takeOver()
        return try result.get()
    }

    /// The messages until the client half-closes, as a sequence over ``next()``.
    public var messages: Messages { Messages(call: self) }

    /// Sends one message. Returns when the transport can take another: with a client that does not
    /// read, it suspends.
    ///
    /// Throws `.cancelled` when the call died or the sending task was cancelled (the message then
    /// stays on its way, and another cannot follow until it has gone).
    public func send(_ message: MessageBytes) async throws(RPCError) {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (writer: Writer) in
                switch protected.withLock({ $0.state.send(writer) }) {
                case .resume(let writer, let result): return writer.resume(returning: result)
                case .startWrite:
                    let isStarted = message.withFragments {
                        cgrpc_server_call_write(handle.pointer, $0, $1)
                    }
                    if !isStarted { completeWrite(ok: false) }
                }
                if Task.isCancelled { cancelWriter() }
            }
        } onCancel: {
            cancelWriter()
        }
        protected.takeOver()
        return try result.get()
    }

    /// Sent with the status, after the metadata of an error that the handler throws.
    public func setTrailingMetadata(_ metadata: Metadata) {
        protected.withLock { $0.trailingMetadata = metadata }
    }

    /// Makes a pending ``next()``, and every later one, throw `error`: how a timer ends a call whose
    /// handler waits for its client. The first interruption stands.
    public func interrupt(with error: RPCError) {
        if let (reader, error) = protected.withLock({ $0.state.interrupt(with: error) }) {
            reader.resume(returning: .failure(error))
        }
    }

    private func cancelReader() {
        protected.withLock { $0.state.readerCancelled() }?
            .resume(returning: .failure(.taskCancelled))
    }

    private func cancelWriter() {
        protected.withLock { $0.state.writerCancelled() }?
            .resume(returning: .failure(.taskCancelled))
    }

    // MARK: The server's face

    /// Runs the handler in a task of its own, which is cancelled when the call is, and calls `returned`
    /// when it has returned.
    func run(_ handler: @escaping Server.Handler, returned: @escaping @Sendable () -> Void) {
        let task = Task {
            finish(await Self.outcome(of: handler, self))
            returned()
        }
        let cancelsTask = protected.withLock {
            $0.task = task
            return $0.cancelsTask
        }
        if cancelsTask { task.cancel() }
    }

    /// Ends the call as CANCELLED, however far its handler is. A status that overtakes a message would
    /// be lost where its connection closes at once.
    func expire() {
        finish(.serverStopping, inOrder: true)
        cancelled()
    }

    private static func outcome(
        of handler: Server.Handler,
        _ call: ServerCall
    ) async -> RPCError? {
        do {
            try await handler(call)
            return nil
        } catch let error as RPCError {
            return error
        } catch is CancellationError {
            return .callCancelled
        } catch {
            // The text may name what is none of the client's business.
            return RPCError(.internal, "internal error")
        }
    }

    /// Sends the status, nil for OK, unless one has been sent.
    func finish(_ error: RPCError?, inOrder: Bool = false) {
        let (ending, trailing) = protected.withLock {
            ($0.state.finish(error, inOrder: inOrder), $0.trailingMetadata)
        }
        guard let ending else { return }
        resume(ending.waiters, throwing: .callOver)
        let status = ending.status ?? RPCError(.ok, "")
        var metadata = status.metadata
        metadata.append(trailing)
        status.withC { status in
            metadata.withPairs {
                cgrpc_server_call_finish(handle.pointer, status, $0, $1, ending.cutsWrite)
            }
        }
    }

    private func resume(
        _ waiters: ServerCallState<Reader, Writer>.Waiters,
        throwing error: RPCError
    ) {
        waiters.reader?.resume(returning: .failure(error))
        waiters.writer?.resume(returning: .failure(error))
    }

    // MARK: gRPC's callbacks

    /// The context of the shim's callbacks: only between `on_call` and `on_done`.
    static func borrow(_ context: UnsafeMutableRawPointer?) -> ServerCall {
        guard let context else { preconditionFailure("the shim lost a call's context") }
        return Unmanaged<ServerCall>.fromOpaque(context).takeUnretainedValue()
    }

    func completeRead(_ outcome: ReadOutcome) {
        // Before the reader hears of it, so that its task is cancelled by then.
        if case .failed = outcome { cancelled() }
        if let (reader, result) = protected.withLock({ $0.state.readCompleted(outcome) }) {
            reader.resume(returning: result)
        }
    }

    func completeWrite(ok: Bool) {
        if !ok { cancelled() }
        if let (writer, result) = protected.withLock({ $0.state.writeCompleted(ok: ok) }) {
            writer.resume(returning: result)
        }
    }

    func cancelled() {
        let (waiters, task) = protected.withLock {
            $0.cancelsTask = true
            return ($0.state.callCancelled(), $0.task.take())
        }
        task?.cancel()
        resume(waiters, throwing: .callCancelled)
    }
}

extension ServerCall {
    /// The messages of a call, until its client half-closes.
    public struct Messages: AsyncSequence, Sendable {
        let call: ServerCall

        public struct AsyncIterator: AsyncIteratorProtocol {
            let call: ServerCall

            public mutating func next() async throws(RPCError) -> MessageBytes? {
                try await call.next()
            }

            public mutating func next(
                isolation actor: isolated (any Actor)?
            ) async throws(RPCError) -> MessageBytes? {
                try await call.next()
            }
        }

        public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(call: call) }
    }
}
