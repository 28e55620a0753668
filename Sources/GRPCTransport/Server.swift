internal import CGRPCShim

/// Serves calls by method name: bytes in, bytes out. Every method is a bidirectional stream here; a
/// unary one reads one message and sends one.
public final class Server: Sendable {
    /// Runs one call, in a task of its own that is cancelled when the call is. Returning ends the call
    /// with OK, throwing an ``RPCError`` with that status, throwing anything else with INTERNAL and
    /// no text. Messages that it did not read are dropped.
    public typealias Handler = @Sendable (ServerCall) async throws -> Void

    /// The port it listens on.
    public let port: Int

    private let listener: Listener
    private let handle: Handle

    /// The owner's reference to the shim's server.
    ///
    /// Unchecked because the pointer's type says nothing: the shim's functions may be called from
    /// any thread until release, which is when nobody has this object any more.
    private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    /// Listens, and serves from the moment this returns. `methods` maps "/package.Service/Method" to
    /// handlers; calls of other methods end with UNIMPLEMENTED.
    ///
    /// Throws `.unavailable` naming the address if it cannot be had.
    public init(configuration: Configuration, methods: [String: Handler]) throws(RPCError) {
        guard Self.hasLegalPort(configuration.listenAddress) else {
            throw RPCError(
                .invalidArgument,
                "cannot listen on \(configuration.listenAddress): a port is between 0 and 65535"
            )
        }
        let listener = Listener(
            methods: methods,
            maximumMessageBytes: configuration.maximumReceivedMessageBytes
        )
        // Given back by `onStopped`, the server's last callback.
        let context = Unmanaged.passRetained(listener)
        var callbacks = Listener.callbacks
        var port: Int32 = 0
        let pointer = configuration.listenAddress.withCString { address in
            configuration.withTLS { tls in
                var options = cgrpc_server_options(configuration, address: address, tls: tls)
                return cgrpc_server_create(&options, &callbacks, context.toOpaque(), &port)
            }
        }
        guard let pointer else {
            context.release()
            throw RPCError(
                .unavailable,
                """
                cannot listen on \(configuration.listenAddress): the address is in use, not this \
                machine's, or not of the form HOST:PORT
                """
            )
        }
        self.port = Int(port)
        self.listener = listener
        handle = Handle(pointer: pointer)
    }

    /// gRPC would take a larger port modulo 65,536.
    private static func hasLegalPort(_ address: String) -> Bool {
        guard !address.hasPrefix("unix:"), let colon = address.lastIndex(of: ":") else {
            return true  // for gRPC to judge
        }
        let port = address[address.index(after: colon)...]
        return !port.allSatisfy(\.isNumber) || UInt16(port) != nil
    }

    /// A server that goes away without ``shutdown(gracePeriod:)`` cancels its calls.
    deinit {
        cgrpc_server_stop(handle.pointer)
        Task { [handle, listener] in
            await Self.end(handle, listener)
            cgrpc_server_release(handle.pointer)
        }
    }

    /// Refuses new connections and calls at once, lets open calls finish, and ends those that have not
    /// after the grace period: clients see CANCELLED (or UNAVAILABLE, if they were writing when their
    /// connection closed), handlers are cancelled. Returns when every handler has returned. May be
    /// called more than once; the shortest grace period holds.
    public func shutdown(gracePeriod: Duration) async {
        cgrpc_server_stop(handle.pointer)
        let expiry = Task { [handle, listener] in
            // Real time, as gRPC's own timers below are: no clock could be moved for both.
            guard (try? await Task.sleep(for: max(gracePeriod, .zero))) != nil else { return }
            await Self.end(handle, listener)
        }
        await listener.stopped()
        expiry.cancel()
    }

    private static func end(_ handle: Handle, _ listener: Listener) async {
        listener.expire()
        // Real time: it is what a client's network may take.
        if (try? await Task.sleep(for: linger)) != nil { cgrpc_server_disconnect(handle.pointer) }
    }

    /// What a client may take to read its last messages and status, and to say goodbye, before its
    /// connection is closed all the same.
    private static let linger = Duration.seconds(2)
}

/// What gRPC's callbacks need of a server: it outlives the `Server` until the last of them.
private final class Listener: Sendable {
    private let methods: [String: Server.Handler]
    private let maximumMessageBytes: Int

    private struct Life {
        /// Whose handlers have not returned.
        var calls: [ObjectIdentifier: ServerCall] = [:]
        var isExpired = false
        /// gRPC has finished with every call.
        var isStopped = false
        var waiters: [CheckedContinuation<Void, Never>] = []

        /// Who waits for the end, once it has come.
        mutating func takeWaitersAtEnd() -> [CheckedContinuation<Void, Never>] {
            guard isStopped && calls.isEmpty else { return [] }
            defer { waiters = [] }
            return waiters
        }
    }

    private let life = Guarded(Life())

    init(methods: [String: Server.Handler], maximumMessageBytes: Int) {
        self.methods = methods
        self.maximumMessageBytes = maximumMessageBytes
    }

    private func accept(_ call: ServerCall) {
        guard let handler = methods[call.method] else {
            call.finish(RPCError(.unimplemented, "there is no method \(call.method)"))
            return
        }
        let isExpired = life.withLock { life in
            life.calls[ObjectIdentifier(call)] = call
            return life.isExpired
        }
        call.run(handler) { self.returned(call) }
        if isExpired { call.expire() }
    }

    private func returned(_ call: ServerCall) {
        let waiters = life.withLock { life in
            life.calls[ObjectIdentifier(call)] = nil
            return life.takeWaitersAtEnd()
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Ends every open call, and every later one, as CANCELLED.
    func expire() {
        let calls = life.withLock { life in
            life.isExpired = true
            return Array(life.calls.values)
        }
        for call in calls { call.expire() }
    }

    /// Returns when the last call is done and its handler has returned.
    func stopped() async {
        await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
            let waiters = life.withLock { life in
                life.waiters.append(waiter)
                return life.takeWaitersAtEnd()
            }
            for waiter in waiters { waiter.resume() }
        }
        life.takeOver()
    }

    private func didStop() {
        let waiters = life.withLock { life in
            life.isStopped = true
            return life.takeWaitersAtEnd()
        }
        for waiter in waiters { waiter.resume() }
    }

    /// The shim promises that a call's context is used until `on_done` and a server's until
    /// `on_stopped`; each holds one reference from where it was made to there.
    static var callbacks: cgrpc_server_callbacks {
        cgrpc_server_callbacks(
            on_call: { server, pointer in
                guard let server, let pointer else { return nil }
                let listener = Unmanaged<Listener>.fromOpaque(server).takeUnretainedValue()
                let call = ServerCall(
                    taking: pointer,
                    maximumMessageBytes: listener.maximumMessageBytes
                )
                listener.accept(call)
                return Unmanaged.passRetained(call).toOpaque()
            },
            on_read: { context, outcome, slices, count, length in
                let read: ReadOutcome =
                    switch outcome {
                    case CGRPC_READ_MESSAGE: .message(MessageBytes(taking: slices, count: count))
                    case CGRPC_READ_END: .halfClosed
                    case CGRPC_READ_TOO_LARGE: .tooLarge(byteCount: length)
                    default: .failed
                    }
                ServerCall.borrow(context).completeRead(read)
            },
            on_write: { ServerCall.borrow($0).completeWrite(ok: $1) },
            on_cancel: { ServerCall.borrow($0).cancelled() },
            on_done: { context in
                guard let context else { return }
                Unmanaged<ServerCall>.fromOpaque(context).release()
            },
            on_stopped: { server in
                guard let server else { return }
                Unmanaged<Listener>.fromOpaque(server).takeRetainedValue().didStop()
            }
        )
    }
}

extension Server.Configuration {
    /// Calls `body` with the shim's view of ``tls``, valid inside `body` alone.
    fileprivate func withTLS<Value>(_ body: (UnsafePointer<cgrpc_tls>?) -> Value) -> Value {
        guard let tls else { return body(nil) }
        return cgrpc_tls.with(tls.clientAuthorities, tls.identity, body)
    }
}

extension cgrpc_server_options {
    /// Borrows `address` and `tls`.
    fileprivate init(
        _ configuration: Server.Configuration,
        address: UnsafePointer<CChar>,
        tls: UnsafePointer<cgrpc_tls>?
    ) {
        self.init(
            listen_address: address,
            maximum_message_bytes: max(configuration.maximumReceivedMessageBytes, 0),
            maximum_metadata_bytes: Int32(clamping: configuration.maximumMetadataBytes),
            unread_bytes_per_stream: Int32(clamping: configuration.unreadBytesPerStream),
            maximum_calls_per_connection: Int32(clamping: configuration.maximumCallsPerConnection),
            maximum_buffered_bytes: max(configuration.maximumBufferedBytes, 0),
            keepalive_interval_milliseconds: configuration.keepaliveInterval.clampedMilliseconds,
            keepalive_timeout_milliseconds: configuration.keepaliveTimeout.clampedMilliseconds,
            minimum_ping_interval_milliseconds: configuration.minimumPingInterval
                .clampedMilliseconds,
            handshake_timeout_milliseconds: configuration.handshakeTimeout.clampedMilliseconds,
            tls: tls
        )
    }
}
