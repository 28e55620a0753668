// Who may still begin operations on a gRPC call, and when it may be let go.
#ifndef CGRPC_GATE_H
#define CGRPC_GATE_H

#include <atomic>
#include <cstdint>

namespace cgrpc {

// gRPC frees its half of a call soon after the call's last operation (the server's Finish, the
// client's RemoveHold) has been handed in, so none may be begun after that one, on any thread. The
// last operation is therefore performed by whoever is last inside, and nobody holds a lock
// meanwhile.
//
//   open, n inside  --enter-->  open, n + 1 inside
//   open, n inside  --leave-->  open, n - 1 inside
//   open, n inside  --close-->  closed, n inside       n == 0: close() returns true
//   closed, n inside --leave--> closed, n - 1 inside   n == 1: leave() returns true
//   closed          --enter-->  refused
//
// Exactly one call of close() or leave() returns true: the one to perform the last operation.
class Gate {
  public:
    bool enter() {
        uint32_t state = state_.load(std::memory_order_relaxed);
        do {
            if ((state & kClosed) != 0) {
                return false;
            }
        } while (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire,
                                               std::memory_order_relaxed));
        return true;
    }

    [[nodiscard]] bool leave() {
        return state_.fetch_sub(1, std::memory_order_acq_rel) == (kClosed | 1);
    }

    [[nodiscard]] bool close() {
        return state_.fetch_or(kClosed, std::memory_order_acq_rel) == 0;
    }

  private:
    static constexpr uint32_t kClosed = uint32_t{1} << 31;
    std::atomic<uint32_t> state_{0};
};

}  // namespace cgrpc

#endif  // CGRPC_GATE_H
