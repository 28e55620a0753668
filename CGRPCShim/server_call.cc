#include <climits>

#include "server.h"

bool cgrpc_server_call::read() {
    if (!gate_.enter()) {
        return false;
    }
    cgrpc_hand_over(this);
    StartRead(&received_);
    if (gate_.leave()) {
        finish_now();
    }
    return true;
}

bool cgrpc_server_call::write(const cgrpc_fragment* fragments, size_t count) {
    if (!gate_.enter()) {
        return false;
    }
    sending_ = cgrpc::to_byte_buffer(fragments, count);
    cgrpc_hand_over(this);
    StartWrite(&sending_);
    if (gate_.leave()) {
        finish_now();
    }
    return true;
}

void cgrpc_server_call::finish(const cgrpc_status& status, const cgrpc_metadatum* metadata,
                               size_t count, bool cut_write) {
    if (finishing_.exchange(true)) {
        return;
    }
    // gRPC's context is alive: only Finish, below, lets it go.
    for (size_t index = 0; index < count; ++index) {
        if (cgrpc_metadatum_is_legal(metadata[index].key, metadata[index].value)) {
            grpc_context_->AddTrailingMetadata(cgrpc::to_string(metadata[index].key),
                                               cgrpc::to_string(metadata[index].value));
        }
    }
    status_ = grpc::Status(static_cast<grpc::StatusCode>(status.code),
                           cgrpc::to_string(status.message), cgrpc::to_string(status.details));
    cut_write_ = cut_write;
    if (gate_.close()) {
        finish_now();
    }
}

void cgrpc_server_call::finish_now() {
    if (cut_write_ && !status_.ok()) {
        // Sends the status past a message that the peer does not take. A status sent in order would
        // wait for that message, perhaps for ever.
        grpc_call_cancel_with_status(grpc_context_->c_call(),
                                     static_cast<grpc_status_code>(status_.error_code()),
                                     status_.error_message().c_str(), nullptr);
    }
    cgrpc_hand_over(this);
    Finish(status_);
}

void cgrpc_server_call::unref() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete this;
    }
}

void cgrpc_server_call::OnReadDone(bool ok) noexcept {
    cgrpc_take_over(this);
    if (!ok) {
        // Marked by gRPC before this reaction when the stream broke instead of half-closing.
        const bool failed = grpc_context_->IsCancelled();
        server_->callbacks.on_read(context_, failed ? CGRPC_READ_FAILED : CGRPC_READ_END, nullptr,
                                   0, 0);
        return;
    }
    const size_t length = received_.Length();
    if (length > server_->maximum_message_bytes) {
        received_.Clear();
        server_->callbacks.on_read(context_, CGRPC_READ_TOO_LARGE, nullptr, 0, length);
        return;
    }
    const cgrpc::ReceivedSlices slices(&received_);
    server_->callbacks.on_read(context_, CGRPC_READ_MESSAGE, slices.data(), slices.size(), length);
}

void cgrpc_server_call::OnWriteDone(bool ok) noexcept {
    cgrpc_take_over(this);
    sending_.Clear();
    server_->callbacks.on_write(context_, ok);
}

void cgrpc_server_call::OnCancel() noexcept {
    cgrpc_take_over(this);
    server_->callbacks.on_cancel(context_);
}

void cgrpc_server_call::OnDone() noexcept {
    cgrpc_take_over(this);
    server_->callbacks.on_done(context_);
    unref();
}

extern "C" {

cgrpc_bytes cgrpc_server_call_method(const cgrpc_server_call* call) noexcept {
    return cgrpc::view(call->grpc_context().method());
}

cgrpc_bytes cgrpc_server_call_peer(cgrpc_server_call* call) noexcept {
    call->peer = call->grpc_context().peer();
    return cgrpc::view(call->peer);
}

int64_t cgrpc_server_call_remaining_nanoseconds(const cgrpc_server_call* call) noexcept {
    const gpr_timespec deadline =
        gpr_convert_clock_type(call->grpc_context().raw_deadline(), GPR_CLOCK_MONOTONIC);
    if (gpr_time_cmp(deadline, gpr_inf_future(GPR_CLOCK_MONOTONIC)) == 0) {
        return INT64_MAX;
    }
    const gpr_timespec rest = gpr_time_sub(deadline, gpr_now(GPR_CLOCK_MONOTONIC));
    const int64_t limit_seconds = INT64_MAX / GPR_NS_PER_SEC - 1;
    if (rest.tv_sec > limit_seconds) {
        return INT64_MAX;
    }
    return rest.tv_sec < -limit_seconds ? 0 : rest.tv_sec * GPR_NS_PER_SEC + rest.tv_nsec;
}

void cgrpc_server_call_metadata(const cgrpc_server_call* call, void* context,
                                void (*visit)(void* context, cgrpc_bytes key,
                                              cgrpc_bytes value)) noexcept {
    for (const auto& [key, value] : call->grpc_context().client_metadata()) {
        visit(context, cgrpc::view(key), cgrpc::view(value));
    }
}

bool cgrpc_server_call_read(cgrpc_server_call* call) noexcept {
    return call->read();
}

bool cgrpc_server_call_write(cgrpc_server_call* call, const cgrpc_fragment* fragments,
                             size_t fragment_count) noexcept {
    return call->write(fragments, fragment_count);
}

void cgrpc_server_call_finish(cgrpc_server_call* call, const cgrpc_status* status,
                              const cgrpc_metadatum* trailing_metadata, size_t metadatum_count,
                              bool cut_write) noexcept {
    call->finish(*status, trailing_metadata, metadatum_count, cut_write);
}

void cgrpc_server_call_release(cgrpc_server_call* call) noexcept {
    call->unref();
}

}  // extern "C"
