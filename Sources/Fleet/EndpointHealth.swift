/// What is known of an endpoint, as a pure machine: events in, state out.
///
/// States and transitions:
///
///     unknown  --probe succeeded-->  ready
///     unknown  --probe failed----->  unready(reason)
///     any      --mismatch--------->  incompatible(reason)
///     ready    --probe failed----->  unready(reason)
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
        case probeFailed(reason: String)
        /// The endpoint serves another model than the bundle describes.
        case mismatchFound(reason: String)
        /// A chunk failed there in a way that the next one would as well.
        case requestFailed(reason: String)
    }

    package private(set) var state = State.unknown

    package init() {}

    /// Takes an event in.
    /// - Returns: whether the state changed.
    package mutating func handle(_ event: Event) -> Bool {
        let before = state
        switch (state, event) {
        case (_, .probeSucceeded):
            state = .ready
        case (_, .probeFailed(let reason)):
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
