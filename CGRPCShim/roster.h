// The open calls of a channel, to be cancelled together.
#ifndef CGRPC_ROSTER_H
#define CGRPC_ROSTER_H

#include <mutex>
#include <unordered_set>

namespace cgrpc {

// Bounded by what bounds the calls themselves: a call is on the roster from its start to its end.
template <class Call>
class Roster {
  public:
    // False once the roster is closed: the call must not begin.
    bool add(Call* call) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (closed_) {
            return false;
        }
        calls_.insert(call);
        return true;
    }

    // Whether the call was on the roster.
    bool remove(Call* call) {
        const std::lock_guard<std::mutex> lock(mutex_);
        return calls_.erase(call) == 1;
    }

    void close() {
        const std::lock_guard<std::mutex> lock(mutex_);
        closed_ = true;
    }

    // Under the lock, so that no call can end meanwhile. Cancelling runs no reaction on this
    // thread.
    void cancel_all() {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (Call* call : calls_) {
            call->cancel();
        }
    }

  private:
    std::mutex mutex_;
    bool closed_ = false;
    std::unordered_set<Call*> calls_;
};

}  // namespace cgrpc

#endif  // CGRPC_ROSTER_H
