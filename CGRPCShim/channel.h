#ifndef CGRPC_CHANNEL_H
#define CGRPC_CHANNEL_H

#include <atomic>
#include <memory>

#include "bytes.h"
#include "gate.h"
#include "roster.h"

namespace cgrpc {

// What both kinds of call are to their channel: something to cancel.
class ClientCall {
  public:
    void cancel() {
        grpc_context_.TryCancel();
    }

  protected:
    ~ClientCall() = default;
    // Fills the context in. Pairs that gRPC would not carry are left out.
    void prepare(const cgrpc_call_options& options);

    grpc::ClientContext grpc_context_;
};

}  // namespace cgrpc

// References: the owner's and one for each open call.
struct cgrpc_channel {
  public:
    explicit cgrpc_channel(const cgrpc_channel_options& options);

    void ref() {
        references_.fetch_add(1, std::memory_order_relaxed);
    }
    void unref();

    grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub;
    cgrpc::Roster<cgrpc::ClientCall> roster;

  private:
    std::atomic<int> references_{1};
};

// References of both kinds of call: gRPC's until OnDone, and the owner's until release.
struct cgrpc_unary_call final : public cgrpc::ClientCall, public grpc::ClientUnaryReactor {
  public:
    cgrpc_unary_call(cgrpc_channel* channel, cgrpc_unary_call_done on_done, void* context);

    void start(const cgrpc_call_options& options, const cgrpc_fragment* fragments, size_t count);
    void unref();

    void OnDone(const grpc::Status& status) noexcept override;

  private:
    void deliver(const grpc::Status& status);

    cgrpc_channel* const channel_;
    const cgrpc_unary_call_done on_done_;
    void* const context_;
    grpc::ByteBuffer request_;
    grpc::ByteBuffer response_;
    std::atomic<int> references_{2};
};

struct cgrpc_call final : public cgrpc::ClientCall,
                          public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
  public:
    cgrpc_call(cgrpc_channel* channel, const cgrpc_call_callbacks& callbacks, void* context);

    void start(const cgrpc_call_options& options);
    bool read();
    bool write(const cgrpc_fragment* fragments, size_t count);
    bool finish_writing();
    void release();

    void OnReadInitialMetadataDone(bool ok) noexcept override;
    void OnReadDone(bool ok) noexcept override;
    void OnWriteDone(bool ok) noexcept override;
    void OnWritesDoneDone(bool ok) noexcept override;
    void OnDone(const grpc::Status& status) noexcept override;

  private:
    void leave();
    void close();
    void deliver(const grpc::Status& status);
    void unref();

    cgrpc_channel* const channel_;
    const cgrpc_call_callbacks callbacks_;
    void* const context_;
    // Open as long as the hold on gRPC's half of the call, without which OnDone could come between
    // two operations of the owner's.
    cgrpc::Gate gate_;
    grpc::ByteBuffer received_;
    grpc::ByteBuffer sending_;
    std::atomic<bool> done_{false};
    std::atomic<int> references_{2};
};

#endif  // CGRPC_CHANNEL_H
