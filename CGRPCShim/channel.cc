#include "channel.h"

#include <chrono>
#include <thread>

#include "library.h"
#include "tls.h"

namespace {

std::shared_ptr<grpc::Channel> connect(const cgrpc_channel_options& options) {
    cgrpc::prepare_library();
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(options.maximum_message_bytes);
    arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, options.maximum_metadata_bytes);
    // Equal channels would otherwise share one connection, and with it their fate.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    // Whoever calls knows which calls may be repeated; core does not.
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    // The target is where to connect: no proxy from the environment, no policy from the DNS.
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    // In core's words the "minimum backoff" is the time that an attempt to connect may take.
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, options.connect_timeout_milliseconds);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, options.minimum_backoff_milliseconds);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, options.maximum_backoff_milliseconds);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, options.keepalive_interval_milliseconds);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, options.keepalive_timeout_milliseconds);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, options.keepalive_without_calls);
    // Without this, core stops its keepalive after two pings on a stream that sends no data.
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    if (options.tls != nullptr && options.tls->server_name != nullptr) {
        arguments.SetSslTargetNameOverride(options.tls->server_name);
    }
    return grpc::CreateCustomChannel(options.target, cgrpc::channel_credentials(options.tls),
                                     arguments);
}

const grpc::Status& channel_closed() {
    static const grpc::Status status(grpc::StatusCode::UNAVAILABLE, "the channel has been closed");
    return status;
}

}  // namespace

namespace cgrpc {

void ClientCall::prepare(const cgrpc_call_options& options) {
    for (size_t index = 0; index < options.metadatum_count; ++index) {
        const cgrpc_metadatum& pair = options.metadata[index];
        if (cgrpc_metadatum_is_legal(pair.key, pair.value)) {
            grpc_context_.AddMetadata(to_string(pair.key), to_string(pair.value));
        }
    }
    if (options.timeout_nanoseconds != INT64_MAX) {
        grpc_context_.set_deadline(
            gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                         gpr_time_from_nanos(options.timeout_nanoseconds, GPR_TIMESPAN)));
    }
}

}  // namespace cgrpc

cgrpc_channel::cgrpc_channel(const cgrpc_channel_options& options) : stub(connect(options)) {}

void cgrpc_channel::unref() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        // The last reference often goes in a callback, on one of gRPC's threads. Those end with the
        // last channel of the process, which waits for them: it must not be one of them that does.
        std::thread([this] { delete this; }).detach();
    }
}

// -------------------------------------------------------------------------------------- unary call

cgrpc_unary_call::cgrpc_unary_call(cgrpc_channel* channel, cgrpc_unary_call_done on_done,
                                   void* context)
    : channel_(channel), on_done_(on_done), context_(context) {
    channel_->ref();
}

void cgrpc_unary_call::start(const cgrpc_call_options& options, const cgrpc_fragment* fragments,
                             size_t count) {
    prepare(options);
    request_ = cgrpc::to_byte_buffer(fragments, count);
    channel_->stub.PrepareUnaryCall(&grpc_context_, cgrpc::to_string(options.method),
                                    grpc::StubOptions(), &request_, &response_, this);
    if (!channel_->roster.add(this)) {
        // A prepared call must be started to be given back, so a closed channel's is, cancelled.
        grpc_context_.TryCancel();
    }
    cgrpc_hand_over(this);
    StartCall();
}

void cgrpc_unary_call::OnDone(const grpc::Status& status) noexcept {
    cgrpc_take_over(this);
    const bool refused = !channel_->roster.remove(this);
    deliver(refused ? channel_closed() : status);
    unref();
}

void cgrpc_unary_call::deliver(const grpc::Status& status) {
    const std::string message = status.error_message();
    const std::string details = status.error_details();
    const cgrpc_status c_status = cgrpc::to_c(status, message, details);
    const auto trailing = cgrpc::to_metadata(grpc_context_.GetServerTrailingMetadata());
    if (status.ok()) {
        const cgrpc::ReceivedSlices slices(&response_);
        on_done_(context_, c_status, slices.data(), slices.size(), trailing.data(),
                 trailing.size());
    } else {
        on_done_(context_, c_status, nullptr, 0, trailing.data(), trailing.size());
    }
}

void cgrpc_unary_call::unref() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        cgrpc_channel* const channel = channel_;
        delete this;
        channel->unref();
    }
}

// ------------------------------------------------------------------------------ bidirectional call

cgrpc_call::cgrpc_call(cgrpc_channel* channel, const cgrpc_call_callbacks& callbacks, void* context)
    : channel_(channel), callbacks_(callbacks), context_(context) {
    channel_->ref();
}

void cgrpc_call::start(const cgrpc_call_options& options) {
    prepare(options);
    channel_->stub.PrepareBidiStreamingCall(&grpc_context_, cgrpc::to_string(options.method),
                                            grpc::StubOptions(), this);
    AddHold();
    if (!channel_->roster.add(this)) {
        grpc_context_.TryCancel();
    }
    cgrpc_hand_over(this);
    StartCall();
}

bool cgrpc_call::read() {
    if (!gate_.enter()) {
        return false;
    }
    cgrpc_hand_over(this);
    StartRead(&received_);
    leave();
    return true;
}

bool cgrpc_call::write(const cgrpc_fragment* fragments, size_t count) {
    if (!gate_.enter()) {
        return false;
    }
    sending_ = cgrpc::to_byte_buffer(fragments, count);
    cgrpc_hand_over(this);
    StartWrite(&sending_);
    leave();
    return true;
}

bool cgrpc_call::finish_writing() {
    if (!gate_.enter()) {
        return false;
    }
    cgrpc_hand_over(this);
    StartWritesDone();
    leave();
    return true;
}

void cgrpc_call::leave() {
    if (gate_.leave()) {
        cgrpc_hand_over(this);
        RemoveHold();
    }
}

void cgrpc_call::close() {
    if (gate_.close()) {
        cgrpc_hand_over(this);
        RemoveHold();
    }
}

void cgrpc_call::release() {
    if (!done_.load(std::memory_order_acquire)) {
        cancel();
    }
    close();
    unref();
}

void cgrpc_call::OnReadInitialMetadataDone(bool ok) noexcept {
    cgrpc_take_over(this);
    if (ok) {
        const auto metadata = cgrpc::to_metadata(grpc_context_.GetServerInitialMetadata());
        callbacks_.on_initial_metadata(context_, metadata.data(), metadata.size());
    }
}

void cgrpc_call::OnReadDone(bool ok) noexcept {
    cgrpc_take_over(this);
    if (ok) {
        const cgrpc::ReceivedSlices slices(&received_);
        callbacks_.on_read(context_, CGRPC_READ_MESSAGE, slices.data(), slices.size(),
                           slices.length());
    } else {
        callbacks_.on_read(context_, CGRPC_READ_END, nullptr, 0, 0);
        close();
    }
}

void cgrpc_call::OnWriteDone(bool ok) noexcept {
    cgrpc_take_over(this);
    sending_.Clear();
    callbacks_.on_write(context_, ok);
}

void cgrpc_call::OnWritesDoneDone(bool ok) noexcept {
    cgrpc_take_over(this);
    callbacks_.on_write(context_, ok);
}

void cgrpc_call::OnDone(const grpc::Status& status) noexcept {
    cgrpc_take_over(this);
    done_.store(true, std::memory_order_release);
    const bool refused = !channel_->roster.remove(this);
    deliver(refused ? channel_closed() : status);
    unref();
}

void cgrpc_call::deliver(const grpc::Status& status) {
    const std::string message = status.error_message();
    const std::string details = status.error_details();
    const auto trailing = cgrpc::to_metadata(grpc_context_.GetServerTrailingMetadata());
    callbacks_.on_done(context_, cgrpc::to_c(status, message, details), trailing.data(),
                       trailing.size());
}

void cgrpc_call::unref() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        cgrpc_channel* const channel = channel_;
        delete this;
        channel->unref();
    }
}

extern "C" {

cgrpc_channel* cgrpc_channel_create(const cgrpc_channel_options* options) noexcept {
    return new cgrpc_channel(*options);
}

void cgrpc_channel_close(cgrpc_channel* channel) noexcept {
    channel->roster.close();
    channel->roster.cancel_all();
}

void cgrpc_channel_release(cgrpc_channel* channel) noexcept {
    channel->unref();
}

cgrpc_unary_call* cgrpc_unary_call_start(cgrpc_channel* channel, const cgrpc_call_options* options,
                                         const cgrpc_fragment* fragments, size_t fragment_count,
                                         cgrpc_unary_call_done on_done, void* context) noexcept {
    auto* call = new cgrpc_unary_call(channel, on_done, context);
    call->start(*options, fragments, fragment_count);
    return call;
}

void cgrpc_unary_call_cancel(cgrpc_unary_call* call) noexcept {
    call->cancel();
}

void cgrpc_unary_call_release(cgrpc_unary_call* call) noexcept {
    call->unref();
}

cgrpc_call* cgrpc_call_start(cgrpc_channel* channel, const cgrpc_call_options* options,
                             const cgrpc_call_callbacks* callbacks, void* context) noexcept {
    auto* call = new cgrpc_call(channel, *callbacks, context);
    call->start(*options);
    return call;
}

bool cgrpc_call_read(cgrpc_call* call) noexcept {
    return call->read();
}

bool cgrpc_call_write(cgrpc_call* call, const cgrpc_fragment* fragments,
                      size_t fragment_count) noexcept {
    return call->write(fragments, fragment_count);
}

bool cgrpc_call_finish_writing(cgrpc_call* call) noexcept {
    return call->finish_writing();
}

void cgrpc_call_cancel(cgrpc_call* call) noexcept {
    call->cancel();
}

void cgrpc_call_release(cgrpc_call* call) noexcept {
    call->release();
}

}  // extern "C"
