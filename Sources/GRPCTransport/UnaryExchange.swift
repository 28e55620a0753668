internal import CGRPCShim

/// One unary call on its way.
///
///     new --start--> started --done--> done
///     new --cancel--> cancelled --start--> started, and cancelled at once --done--> done
///     started --cancel--> started, and gRPC's answer is CANCELLED
///
/// The task may be cancelled before the call exists; what came first is decided under the lock, and
/// the call is cancelled by whoever comes second.
final class UnaryExchange: Sendable {
    typealias Waiter = CheckedContinuation<Result<MessageBytes, RPCError>, Never>

    private struct State {
        var handle: Handle?
        var isCancelled = false
        var waiter: Waiter?
    }

    /// The owner's reference to the shim's call, given up with this object.
    ///
    /// Unchecked because the pointer's type says nothing: the shim's functions may be called from
    /// any thread until release.
    private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    private let state = Guarded(State())

    deinit {
        // Nobody else has this object, so the lock is free.
        if let handle = state.withLock({ $0.handle }) { cgrpc_unary_call_release(handle.pointer) }
    }

    func start(
        on channel: OpaquePointer,
        _ method: String,
        _ request: MessageBytes,
        _ metadata: Metadata,
        _ timeout: Duration?,
        _ waiter: Waiter
    ) {
        state.withLock { $0.waiter = waiter }
        // Given back in the callback, which may come before `cgrpc_unary_call_start` returns.
        let context = Unmanaged.passRetained(self).toOpaque()
        let pointer = cgrpc_call_options.with(method, metadata, timeout) { options in
            request.withFragments { fragments, count in
                cgrpc_unary_call_start(
                    channel,
                    options,
                    fragments,
                    count,
                    Self.onDone,
                    context
                )
            }
        }
        guard let pointer else { preconditionFailure("cgrpc_unary_call_start returns a call") }
        let handle = Handle(pointer: pointer)
        let isCancelled = state.withLock {
            $0.handle = handle
            return $0.isCancelled
        }
        if isCancelled { cgrpc_unary_call_cancel(handle.pointer) }
    }

    func cancel() {
        let handle = state.withLock {
            $0.isCancelled = true
            return $0.handle
        }
        // Alive: the task that waits for the answer holds this object.
        if let handle { cgrpc_unary_call_cancel(handle.pointer) }
    }

    /// To be called by the task that waited, see ``Guarded/takeOver()``.
    func takeOver() {
        state.takeOver()
    }

    private func done(_ result: Result<MessageBytes, RPCError>) {
        state.withLock { $0.waiter.take() }?.resume(returning: result)
    }

    private static let onDone: cgrpc_unary_call_done = {
        context,
        status,
        slices,
        count,
        trailing,
        trailingCount in
        guard let context else { return }
        let exchange = Unmanaged<UnaryExchange>.fromOpaque(context).takeRetainedValue()
        if let error = RPCError(status, Metadata(trailing, count: trailingCount)) {
            exchange.done(.failure(error))
        } else {
            exchange.done(.success(MessageBytes(taking: slices, count: count)))
        }
    }
}
