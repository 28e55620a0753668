internal import CGRPCShim

/// Calls to one target, over a connection of its own that is made when first needed and again when it
/// breaks. While it cannot be made, calls fail at once as UNAVAILABLE. Nothing is retried.
public final class Channel: Sendable {
    private let handle: Handle

    /// The owner's reference to the shim's channel.
    ///
    /// Unchecked because the pointer's type says nothing: the shim's functions may be called from
    /// any thread until release, which is when nobody has this object any more.
    private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    /// `target` is "host:port", any gRPC name ("dns:///host:port") or "unix:path".
    public init(target: String, configuration: Configuration = Configuration()) {
        let pointer = target.withCString { target in
            configuration.withTLS { tls in
                var options = cgrpc_channel_options(configuration, target: target, tls: tls)
                return cgrpc_channel_create(&options)
            }
        }
        guard let pointer else { preconditionFailure("cgrpc_channel_create returns a channel") }
        handle = Handle(pointer: pointer)
    }

    deinit {
        cgrpc_channel_release(handle.pointer)
    }

    /// One request, one response. `method` is "/package.Service/Method"; without a timeout, the call
    /// lasts as long as the server likes. Cancelling the task cancels the call.
    ///
    /// Throws the call's status: `.deadlineExceeded` after the timeout, `.cancelled` with the task,
    /// `.unavailable` without a connection, or what the server says.
    public func unary(
        _ method: String,
        _ request: MessageBytes,
        metadata: Metadata = Metadata(),
        timeout: Duration? = nil
    ) async throws(RPCError) -> MessageBytes {
        let exchange = UnaryExchange()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                exchange.start(
                    on: handle.pointer,
                    method,
                    request,
                    metadata,
                    timeout,
                    waiter
                )
            }
        } onCancel: {
            exchange.cancel()
        }
        exchange.takeOver()
        return try result.get()
    }

    /// Starts a call of a stream of messages each way.
    public func call(
        _ method: String,
        metadata: Metadata = Metadata(),
        timeout: Duration? = nil
    ) -> Call {
        Call(on: handle.pointer, method, metadata, timeout)
    }

    /// Cancels every open call; new ones fail as UNAVAILABLE.
    public func close() {
        cgrpc_channel_close(handle.pointer)
    }
}

extension Channel.Configuration {
    /// Calls `body` with the shim's view of ``tls``, valid inside `body` alone.
    fileprivate func withTLS<Value>(_ body: (UnsafePointer<cgrpc_tls>?) -> Value) -> Value {
        guard let tls else { return body(nil) }
        return cgrpc_tls.with(tls.authorities, tls.identity, serverName: tls.serverName, body)
    }
}

extension cgrpc_channel_options {
    /// Borrows `target` and `tls`.
    fileprivate init(
        _ configuration: Channel.Configuration,
        target: UnsafePointer<CChar>,
        tls: UnsafePointer<cgrpc_tls>?
    ) {
        self.init(
            target: target,
            maximum_message_bytes: Int32(clamping: configuration.maximumReceivedMessageBytes),
            maximum_metadata_bytes: Int32(clamping: configuration.maximumMetadataBytes),
            connect_timeout_milliseconds: configuration.connectTimeout.clampedMilliseconds,
            minimum_backoff_milliseconds: configuration.minimumReconnectBackoff
                .clampedMilliseconds,
            maximum_backoff_milliseconds: configuration.maximumReconnectBackoff
                .clampedMilliseconds,
            keepalive_interval_milliseconds: configuration.keepaliveInterval.clampedMilliseconds,
            keepalive_timeout_milliseconds: configuration.keepaliveTimeout.clampedMilliseconds,
            keepalive_without_calls: configuration.keepaliveWithoutCalls,
            tls: tls
        )
    }
}

extension cgrpc_call_options {
    /// Calls `body` with the options, valid inside `body` alone.
    static func with<Value>(
        _ method: String,
        _ metadata: Metadata,
        _ timeout: Duration?,
        _ body: (UnsafePointer<cgrpc_call_options>) -> Value
    ) -> Value {
        Array(method.utf8).withUnsafeBytes { method in
            metadata.withPairs { pairs, count in
                var options = cgrpc_call_options(
                    method: cgrpc_bytes(method),
                    metadata: pairs,
                    metadatum_count: count,
                    timeout_nanoseconds: timeout?.clampedNanoseconds ?? .max
                )
                return body(&options)
            }
        }
    }
}
