internal import CGRPCShim
private import Synchronization

/// A value behind a lock that the thread sanitizer knows of.
///
/// The contended half of `Mutex`, and of a continuation's resumption, lies in libraries that are not
/// instrumented, so that the sanitizer would report every value that passes through one. In a build
/// without it the notes are empty.
package final class Guarded<Value>: Sendable {
    private let mutex: Mutex<Value>

    package init(_ value: consuming sending Value) {
        mutex = Mutex(value)
    }

    package func withLock<Result>(
        _ body: (inout sending Value) -> sending Result
    ) -> sending Result {
        mutex.withLock { value in
            takeOver()
            defer { cgrpc_hand_over(address) }
            return body(&value)
        }
    }

    /// What happened before a `withLock` on another thread has been seen by whoever calls this after
    /// a continuation that was resumed there.
    package func takeOver() {
        cgrpc_take_over(address)
    }

    /// Only an address: nothing is read or written through it.
    private var address: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }
}
