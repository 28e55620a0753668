internal import CGRPCShim

/// One call of a stream of messages each way, from the client's side. It has started when it exists.
///
/// At most one task reads and one writes at a time; they may be different tasks. Cancelling a task
/// that waits in ``next()``, ``send(_:)`` or ``finishSending()`` cancels the call. So does letting go
/// of a call that has not ended.
public final class Call: Sendable {
    private let progress: CallProgress
    private let handle: Handle

    /// The owner's reference to the shim's call.
    ///
    /// Unchecked because the pointer's type says nothing: the shim's functions may be called from
    /// any thread until release, which is when nobody has this object any more.
    private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    init(on channel: OpaquePointer, _ method: String, _ metadata: Metadata, _ timeout: Duration?) {
        let progress = CallProgress()
        // Given back in `on_done`, the call's last callback.
        let context = Unmanaged.passRetained(progress).toOpaque()
        var callbacks = CallProgress.callbacks
        let pointer = cgrpc_call_options.with(method, metadata, timeout) { options in
            cgrpc_call_start(channel, options, &callbacks, context)
        }
        guard let pointer else { preconditionFailure("cgrpc_call_start returns a call") }
        self.progress = progress
        handle = Handle(pointer: pointer)
    }

    deinit {
        cgrpc_call_release(handle.pointer)
    }

    /// The server's next message; nil when the call has ended with OK. A message is taken from the
    /// network only when asked for here.
    ///
    /// Throws the call's status when it is another one.
    public func next() async throws(RPCError) -> MessageBytes? {
        // A cancellation that comes before the waiter is registered has marked the call by then.
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (reader: CallProgress.Reader) in
                switch progress.withState({ $0.next(reader) }) {
                case .wait: break
                case .resume(let reader, let result): reader.resume(returning: result)
                case .startRead:
                    if !cgrpc_call_read(handle.pointer) { progress.completeRead(nil) }
                }
            }
        } onCancel: {
            cancel()
        }
        progress.takeOver()
        return try result.get()
    }

    /// Sends one message. Returns when the transport can take another: with a server that does not
    /// read, it suspends.
    ///
    /// Throws when the call has ended; its status is for ``next()`` to tell, once the messages that
    /// came before it have been read.
    public func send(_ message: MessageBytes) async throws(RPCError) {
        try await write(isLast: false) { call in
            message.withFragments { cgrpc_call_write(call, $0, $1) }
        }
    }

    /// Tells the server that no message follows. Idempotent.
    public func finishSending() async throws(RPCError) {
        try await write(isLast: true) { cgrpc_call_finish_writing($0) }
    }

    private func write(
        isLast: Bool,
        _ start: (OpaquePointer) -> Bool
    ) async throws(RPCError) {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (writer: CallProgress.Writer) in
                switch progress.withState({ $0.send(writer, isLast: isLast) }) {
                case .resume(let writer, let result): writer.resume(returning: result)
                case .startWrite:
                    if !start(handle.pointer) { progress.completeWrite(ok: false) }
                }
            }
        } onCancel: {
            cancel()
        }
        progress.takeOver()
        return try result.get()
    }

    /// Ends the call as CANCELLED, unless it has ended. Messages not read are dropped.
    public func cancel() {
        progress.cancel()
        cgrpc_call_cancel(handle.pointer)
    }

    /// What the server sent before its first message; nil until it came.
    public var initialMetadata: Metadata? { progress.withState { $0.initialMetadata } }

    /// What the server sent with its status; nil until the call has ended.
    public var trailingMetadata: Metadata? { progress.withState { $0.trailingMetadata } }
}

/// What a call and gRPC's callbacks share: it outlives the `Call` until gRPC has finished.
private final class CallProgress: Sendable {
    typealias Reader = CheckedContinuation<Result<MessageBytes?, RPCError>, Never>
    typealias Writer = CheckedContinuation<Result<Void, RPCError>, Never>

    private let state = Guarded(CallState<Reader, Writer>())

    func withState<Value>(
        _ body: (inout sending CallState<Reader, Writer>) -> sending Value
    ) -> sending Value {
        state.withLock(body)
    }

    func takeOver() {
        state.takeOver()
    }

    func cancel() {
        let waiters = state.withLock { $0.cancel() }
        waiters.reader?.resume(returning: .failure(.callCancelled))
        waiters.writer?.resume(returning: .failure(.callCancelled))
    }

    func completeRead(_ message: MessageBytes?) {
        if let (reader, result) = state.withLock({ $0.readCompleted(message) }) {
            reader.resume(returning: result)
        }
    }

    func completeWrite(ok: Bool) {
        if let (writer, result) = state.withLock({ $0.writeCompleted(ok: ok) }) {
            writer.resume(returning: result)
        }
    }

    private func done(_ error: RPCError?, _ trailing: Metadata) {
        let (waiters, result) = state.withLock { $0.done(error, trailing) }
        waiters.reader?.resume(returning: result)
        waiters.writer?.resume(returning: .failure(error ?? .callEnded))
    }

    /// The context of the shim's callbacks: only until `on_done`.
    private static func borrow(_ context: UnsafeMutableRawPointer?) -> CallProgress {
        guard let context else { preconditionFailure("the shim lost a call's context") }
        return Unmanaged<CallProgress>.fromOpaque(context).takeUnretainedValue()
    }

    static var callbacks: cgrpc_call_callbacks {
        cgrpc_call_callbacks(
            on_initial_metadata: { context, pairs, count in
                let metadata = Metadata(pairs, count: count)
                CallProgress.borrow(context).withState { $0.receivedInitialMetadata(metadata) }
            },
            on_read: { context, outcome, slices, count, _ in
                let message =
                    outcome == CGRPC_READ_MESSAGE
                    ? MessageBytes(taking: slices, count: count) : nil
                CallProgress.borrow(context).completeRead(message)
            },
            on_write: { CallProgress.borrow($0).completeWrite(ok: $1) },
            on_done: { context, status, pairs, count in
                let trailing = Metadata(pairs, count: count)
                CallProgress.borrow(context).done(RPCError(status, trailing), trailing)
                if let context { Unmanaged<CallProgress>.fromOpaque(context).release() }
            }
        )
    }
}
