// Conversions between the C face's values and gRPC's.
#ifndef CGRPC_BYTES_H
#define CGRPC_BYTES_H

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "grpcpp.h"
#include "include/cgrpc.h"

struct cgrpc_slice {
    explicit cgrpc_slice(grpc_slice taken) : slice(taken) {}
    ~cgrpc_slice() {
        grpc_slice_unref(slice);
    }
    cgrpc_slice(const cgrpc_slice&) = delete;
    cgrpc_slice& operator=(const cgrpc_slice&) = delete;

    const grpc_slice slice;
    std::atomic<uint32_t> references{1};
};

namespace cgrpc {

inline cgrpc_bytes view(const char* start, size_t length) {
    return {reinterpret_cast<const uint8_t*>(start), length};
}

inline cgrpc_bytes view(const std::string& text) {
    return view(text.data(), text.size());
}

inline cgrpc_bytes view(grpc::string_ref text) {
    return view(text.data(), text.size());
}

inline std::string to_string(cgrpc_bytes bytes) {
    return std::string(reinterpret_cast<const char*>(bytes.start), bytes.length);
}

// A message to write, sharing the fragments' memory.
grpc::ByteBuffer to_byte_buffer(const cgrpc_fragment* fragments, size_t count);

// The slices of a received message: one reference to each is the receiver's. Leaves `buffer` empty.
class ReceivedSlices {
  public:
    explicit ReceivedSlices(grpc::ByteBuffer* buffer);

    cgrpc_slice* const* data() const {
        return slices_.empty() ? &single_ : slices_.data();
    }
    size_t size() const {
        return slices_.empty() ? (single_ == nullptr ? 0 : 1) : slices_.size();
    }
    size_t length() const {
        return length_;
    }

  private:
    cgrpc_slice* single_ = nullptr;  // the usual case, spared the vector
    std::vector<cgrpc_slice*> slices_;
    size_t length_ = 0;
};

// The received pairs as C values, which borrow from `pairs`.
std::vector<cgrpc_metadatum> to_metadata(
    const std::multimap<grpc::string_ref, grpc::string_ref>& pairs);

// A status as C values, which borrow from `status` and `details`.
inline cgrpc_status to_c(const grpc::Status& status, const std::string& message,
                         const std::string& details) {
    return {static_cast<int32_t>(status.error_code()), view(message), view(details)};
}

}  // namespace cgrpc

#endif  // CGRPC_BYTES_H
