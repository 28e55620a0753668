/// What is known of an endpoint, as a pure machine: events in, state out.
///
/// States and transitions:
///
///     unknown  --probe succeeded-->  ready
///     unknown  --probe failed----->  unready(reason)
///     any      --says not ready--->  unready(reason)
///     any      --mismatch--------->  incompatible(reason)
///     ready    --probe failed, so many times in a row--> unready(reason)
///     ready    --request failed--->  unready(reason)     (only failures of the endpoint's own)
///     unready  --probe succeeded-->  ready
///     incompatible --probe succeeded--> ready            (the model was replaced)
///     incompatible --probe failed--> unready(reason)
package struct EndpointHealth: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        case unknown
        case ready
        case unready(reason: String)
        case incompatible(reason: String)
    }

    package enum Event: Sendable, Equatable {
        case probeSucceeded
        /// The endpoint did not answer.
        case probeFailed(reason: String)
        /// The endpoint answered that it, or the model, is not ready.
        case notReady(reason: String)
        /// The endpoint serves another model than the bundle describes.
        case mismatchFound(reason: String)
        /// A chunk failed there in a way that the next one would as well.
        case requestFailed(reason: String)
    }

    package private(set) var state = State.unknown
    /// Probes of a ready endpoint that have failed since the last that succeeded.
    private var failedProbes = 0
    private let probeFailuresToLeave: Int

    /// - Parameter probeFailuresToLeave: Probes that must fail in a row before a ready endpoint is
    ///   left, at least 1: one slow answer is no reason to stop the streams of a busy server.
    package init(probeFailuresToLeave: Int) {
        self.probeFailuresToLeave = probeFailuresToLeave
    }

    /// Takes an event in.
    /// - Returns: whether the state changed.
    package mutating func handle(_ event: Event) -> Bool {
        let before = state
        switch (state, event) {
        case (_, .probeSucceeded):
            failedProbes = 0
            state = .ready
        case (.ready, .probeFailed(let reason)):
            failedProbes += 1
            if failedProbes >= probeFailuresToLeave { state = .unready(reason: reason) }
        case (_, .probeFailed(let reason)), (_, .notReady(let reason)):
            state = .unready(reason: reason)
        case (_, .mismatchFound(let reason)):
            state = .incompatible(reason: reason)
        case (.ready, .requestFailed(let reason)):
            state = .unready(reason: reason)
        case (.unknown, .requestFailed), (.unready, .requestFailed),
            (.incompatible, .requestFailed):
            // A request that was under way when the endpoint was left says nothing new.
            break
        }
        return state != before
    }

    package var isReady: Bool { state == .ready }

    /// Why the endpoint is not used, or nil when it is.
    package var reason: String? {
        switch state {
        case .unknown: "not reached yet"
        case .ready: nil
        case .unready(let reason), .incompatible(let reason): reason
        }
    }
}
