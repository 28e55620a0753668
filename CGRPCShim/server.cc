#include "server.h"

#include <system_error>
#include <thread>

#include "library.h"
#include "tls.h"

namespace {

// Answers a call that comes when the server is stopping.
class Refusal final : public grpc::ServerGenericBidiReactor {
  public:
    Refusal() {
        Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is shutting down"));
    }
    void OnDone() override {
        delete this;
    }
};

}  // namespace

int32_t cgrpc_server::listen(const cgrpc_server_options& options) {
    cgrpc::prepare_library();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(options.listen_address, cgrpc::server_credentials(options.tls), &port);
    builder.RegisterCallbackGenericService(this);

    // Core's own limit ends a call in a way the handler cannot tell from a half-close, and after
    // taking the whole message in all the same; ours is applied in OnReadDone.
    builder.SetMaxReceiveMessageSize(-1);
    // The library inflates without a limit: a megabyte on the wire could become a gigabyte here.
    for (const auto algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
        builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
    }
    grpc::ResourceQuota quota("cgrpc_server");
    quota.Resize(options.maximum_buffered_bytes);
    builder.SetResourceQuota(quota);

    // Without its option, a second server would share the port and take half of the connections.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, options.maximum_metadata_bytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                               options.maximum_calls_per_connection);
    // The probe would widen an unread stream's window to megabytes.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                               options.unread_bytes_per_stream);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, options.keepalive_interval_milliseconds);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                               options.keepalive_timeout_milliseconds);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                               options.minimum_ping_interval_milliseconds);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                               options.handshake_timeout_milliseconds);

    cgrpc_hand_over(this);
    server_ = builder.BuildAndStart();
    return server_ == nullptr ? 0 : port;
}

void cgrpc_server::stop() {
    if (stopping_.exchange(true)) {
        return;
    }
    // Shutdown blocks until every call is done and every connection closed.
    const auto shut_down = [this] {
        server_->Shutdown();
        callbacks.on_stopped(context);
        unref();
    };
    try {
        std::thread(shut_down).detach();
    } catch (const std::system_error&) {
        shut_down();  // No thread to be had: rather block than never stop.
    }
}

void cgrpc_server::disconnect() {
    grpc_server_cancel_all_calls(server_->c_server());
}

void cgrpc_server::unref() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete this;
    }
}

grpc::ServerGenericBidiReactor* cgrpc_server::CreateReactor(
    grpc::GenericCallbackServerContext* call_context) noexcept {
    cgrpc_take_over(this);
    if (stopping_) {
        return new Refusal;
    }
    auto* call = new cgrpc_server_call(this, call_context);
    // Operations begun inside on_call wait in the reactor until this function has returned it.
    call->bind(callbacks.on_call(context, call));
    cgrpc_hand_over(call);
    return call;
}

extern "C" {

cgrpc_server* cgrpc_server_create(const cgrpc_server_options* options,
                                  const cgrpc_server_callbacks* callbacks, void* server_context,
                                  int32_t* port) noexcept {
    auto* server = new cgrpc_server(*options, *callbacks, server_context);
    *port = server->listen(*options);
    if (*port == 0) {
        delete server;
        return nullptr;
    }
    return server;
}

void cgrpc_server_stop(cgrpc_server* server) noexcept {
    server->stop();
}

void cgrpc_server_disconnect(cgrpc_server* server) noexcept {
    server->disconnect();
}

void cgrpc_server_release(cgrpc_server* server) noexcept {
    server->stop();
    server->unref();
}

}  // extern "C"
