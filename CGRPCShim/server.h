#ifndef CGRPC_SERVER_H
#define CGRPC_SERVER_H

#include <atomic>
#include <memory>
#include <string>

#include "bytes.h"
#include "gate.h"

// References: the owner's, and that of the thread which stops it.
struct cgrpc_server final : public grpc::CallbackGenericService {
  public:
    cgrpc_server(const cgrpc_server_options& options, const cgrpc_server_callbacks& callbacks,
                 void* context)
        : callbacks(callbacks),
          context(context),
          maximum_message_bytes(options.maximum_message_bytes) {}

    // Zero if the address cannot be had.
    int32_t listen(const cgrpc_server_options& options);
    void stop();
    void disconnect();
    void unref();

    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* call_context) noexcept override;

    const cgrpc_server_callbacks callbacks;
    void* const context;
    const size_t maximum_message_bytes;

  private:
    std::unique_ptr<grpc::Server> server_;
    std::atomic<bool> stopping_{false};
    std::atomic<int> references_{2};
};

// References: gRPC's until OnDone, and the owner's until release.
struct cgrpc_server_call final : public grpc::ServerGenericBidiReactor {
  public:
    cgrpc_server_call(cgrpc_server* server, grpc::GenericCallbackServerContext* context)
        : server_(server), grpc_context_(context) {}

    // Called by the server, before any reaction, with what on_call returned.
    void bind(void* context) {
        context_ = context;
    }

    bool read();
    bool write(const cgrpc_fragment* fragments, size_t count);
    void finish(const cgrpc_status& status, const cgrpc_metadatum* metadata, size_t count,
                bool cut_write);
    void unref();

    // Only inside on_call.
    grpc::GenericCallbackServerContext& grpc_context() const {
        return *grpc_context_;
    }
    std::string peer;

    void OnReadDone(bool ok) noexcept override;
    void OnWriteDone(bool ok) noexcept override;
    void OnCancel() noexcept override;
    void OnDone() noexcept override;

  private:
    void finish_now();

    cgrpc_server* const server_;
    void* context_ = nullptr;
    cgrpc::Gate gate_;

    // Lives until OnDone returns, which cannot come before Finish: inside the gate it is there.
    grpc::GenericCallbackServerContext* const grpc_context_;
    grpc::ByteBuffer received_;
    grpc::ByteBuffer sending_;
    std::atomic<bool> finishing_{false};
    grpc::Status status_;  // this and the next, written before the gate closes
    bool cut_write_ = false;
    std::atomic<int> references_{2};
};

#endif  // CGRPC_SERVER_H
