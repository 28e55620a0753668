#include "bytes.h"

#include <new>

extern "C" {

bool cgrpc_metadatum_is_legal(cgrpc_bytes key, cgrpc_bytes value) noexcept {
    // Borrowed: the slices live no longer than this call.
    const grpc_slice key_slice = grpc_slice_from_static_buffer(key.start, key.length);
    if (key.length == 0 || grpc_header_key_is_legal(key_slice) == 0) {
        return false;
    }
    const std::string name = cgrpc::to_string(key);
    if (name.compare(0, 5, "grpc-") == 0 || name == "te" || name == "content-type" ||
        name == "user-agent") {
        return false;
    }
    return grpc_is_binary_header(key_slice) != 0 ||
           grpc_header_nonbin_value_is_legal(
               grpc_slice_from_static_buffer(value.start, value.length)) != 0;
}

cgrpc_slice* cgrpc_slice_copy(cgrpc_bytes bytes) noexcept {
    return new cgrpc_slice(
        grpc_slice_from_copied_buffer(reinterpret_cast<const char*>(bytes.start), bytes.length));
}

cgrpc_slice* cgrpc_slice_allocate(size_t length, uint8_t** start) noexcept {
    auto* slice = new cgrpc_slice(grpc_slice_malloc(length));
    *start = const_cast<uint8_t*>(GRPC_SLICE_START_PTR(slice->slice));
    return slice;
}

void cgrpc_slice_ref(cgrpc_slice* slice) noexcept {
    slice->references.fetch_add(1, std::memory_order_relaxed);
}

void cgrpc_slice_unref(cgrpc_slice* slice) noexcept {
    if (slice->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete slice;
    }
}

cgrpc_bytes cgrpc_slice_bytes(const cgrpc_slice* slice) noexcept {
    return {GRPC_SLICE_START_PTR(slice->slice), GRPC_SLICE_LENGTH(slice->slice)};
}

}  // extern "C"

namespace cgrpc {

namespace {

grpc::Slice to_slice(const cgrpc_fragment& fragment) {
    return grpc::Slice(
        grpc_slice_sub(fragment.slice->slice, fragment.offset, fragment.offset + fragment.length),
        grpc::Slice::STEAL_REF);
}

}  // namespace

grpc::ByteBuffer to_byte_buffer(const cgrpc_fragment* fragments, size_t count) {
    if (count == 1) {
        const grpc::Slice slice = to_slice(fragments[0]);
        return grpc::ByteBuffer(&slice, 1);
    }
    std::vector<grpc::Slice> slices;
    slices.reserve(count);
    for (size_t index = 0; index < count; ++index) {
        slices.push_back(to_slice(fragments[index]));
    }
    return grpc::ByteBuffer(slices.data(), slices.size());
}

ReceivedSlices::ReceivedSlices(grpc::ByteBuffer* buffer) : length_(buffer->Length()) {
    grpc::Slice only;
    if (length_ == 0) {
        // A message of no bytes needs no slice.
    } else if (buffer->TrySingleSlice(&only).ok()) {
        single_ = new cgrpc_slice(only.c_slice());
    } else {
        std::vector<grpc::Slice> parts;
        // Fails only where decompression does, and compression is switched off.
        if (buffer->Dump(&parts).ok()) {
            slices_.reserve(parts.size());
            for (const grpc::Slice& part : parts) {
                slices_.push_back(new cgrpc_slice(part.c_slice()));
            }
        }
    }
    buffer->Clear();
}

std::vector<cgrpc_metadatum> to_metadata(
    const std::multimap<grpc::string_ref, grpc::string_ref>& pairs) {
    std::vector<cgrpc_metadatum> metadata;
    metadata.reserve(pairs.size());
    for (const auto& [key, value] : pairs) {
        metadata.push_back({view(key), view(value)});
    }
    return metadata;
}

}  // namespace cgrpc
