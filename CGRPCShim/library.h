#ifndef CGRPC_LIBRARY_H
#define CGRPC_LIBRARY_H

namespace cgrpc {

// To be called before gRPC is used: sets what holds for the whole process. Any thread, any number
// of times.
void prepare_library();

}  // namespace cgrpc

#endif  // CGRPC_LIBRARY_H
