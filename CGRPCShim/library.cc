#include "library.h"

#include <absl/synchronization/mutex.h>

namespace cgrpc {

void prepare_library() {
    // Debian's Abseil looks for lock cycles at each lock that gRPC takes, which is for debugging
    // gRPC and takes a few percent of a busy server's time.
    static const bool is_prepared = [] {
        absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
        return true;
    }();
    static_cast<void>(is_prepared);
}

}  // namespace cgrpc
