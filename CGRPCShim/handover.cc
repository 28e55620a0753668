#include "include/cgrpc.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CGRPC_TSAN
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif
#endif

void cgrpc_hand_over([[maybe_unused]] void* object) noexcept {
#ifdef CGRPC_TSAN
    __tsan_release(object);
#endif
}

void cgrpc_take_over([[maybe_unused]] void* object) noexcept {
#ifdef CGRPC_TSAN
    __tsan_acquire(object);
#endif
}
