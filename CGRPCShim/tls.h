// gRPC's credentials, from what the C face gives.
#ifndef CGRPC_TLS_H
#define CGRPC_TLS_H

#include <memory>

#include "grpcpp.h"
#include "include/cgrpc.h"

namespace cgrpc {

// Null: plaintext.
std::shared_ptr<grpc::ChannelCredentials> channel_credentials(const cgrpc_tls* tls);
std::shared_ptr<grpc::ServerCredentials> server_credentials(const cgrpc_tls* tls);

}  // namespace cgrpc

#endif  // CGRPC_TLS_H
