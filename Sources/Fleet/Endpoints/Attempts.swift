internal import GRPCTransport

/// The attempts of one request: the owner of a ``RequestCourse``, which says what to do next, while
/// this does.
struct Attempts {
    private let endpoints: EndpointSet
    private var course: RequestCourse
    private(set) var lastError: FleetError?

    init(_ endpoints: EndpointSet) {
        self.endpoints = endpoints
        course = RequestCourse(
            patience: endpoints.configuration.patience,
            inferTimeout: endpoints.configuration.inferTimeout,
            at: endpoints.now()
        )
    }

    /// When the stream is told that it cannot go on.
    var deadline: Duration { course.deadline }

    /// What the next attempt may take: no more than a request may, and than is left.
    var timeout: Duration { course.timeout(at: endpoints.now()) }

    /// The endpoint where the stream's state is, for the next attempt; nil when it admits no work.
    mutating func lease(on endpoint: Endpoint) -> Lease? {
        endpoints.withPool { course.lease(on: endpoint.id, &$0, at: endpoints.now()) }
    }

    /// An endpoint for the next attempt, as soon as there is one.
    /// - Parameter preferred: taken if it admits and none has failed yet.
    mutating func next(
        rows: Int = 1,
        preferring preferred: EndpointID? = nil
    ) async throws(FleetError) -> (Lease, Endpoint) {
        while true {
            if Task.isCancelled { throw .cancelled }
            // Looked at before the endpoints are: a change that comes after that is not missed.
            let seen = endpoints.changeCount
            let (step, changes) = endpoints.withPool {
                course.next(rows: rows, preferring: preferred, &$0, at: endpoints.now())
            }
            endpoints.tell(changes)
            switch step {
            case .send(let lease):
                if let endpoint = endpoints.endpoint(lease.endpoint) { return (lease, endpoint) }
                // It was removed meanwhile.
                endpoints.end(lease, .abandoned)
            case .pause(let pause):
                try await endpoints.pause(pause)
            case .await:
                endpoints.expediteProbes()
                try await endpoints.changed(since: seen, before: deadline)
            case .giveUp:
                throw exhausted
            }
        }
    }

    /// The attempt has succeeded.
    mutating func succeeded(_ lease: Lease) {
        endpoints.change { course.succeeded(lease, &$0, at: endpoints.now()) }
    }

    /// The attempt has failed.
    /// - Parameter timeout: what it was given.
    /// - Throws: ``FleetError`` when there is no point in another one.
    mutating func failed(
        _ lease: Lease,
        _ endpoint: Endpoint,
        _ error: RPCError,
        timeout: Duration
    ) throws(FleetError) {
        if Task.isCancelled {
            endpoints.end(lease, .abandoned)
            throw .cancelled
        }
        switch RequestFault(error, at: endpoint.address, timeout: timeout) {
        case .lost(let reason, let fault):
            lastError = fault
            endpoints.change {
                course.lost(
                    lease,
                    reason: reason,
                    timeout: error.code == .deadlineExceeded ? timeout : nil,
                    &$0,
                    at: endpoints.now()
                )
            }
        case .refused(let reason, let fault):
            try failed(lease, reason: reason, fault)
        }
    }

    /// The answer was no good, or an error.
    /// - Throws: ``FleetError`` when there is no point in another attempt.
    mutating func failed(
        _ lease: Lease,
        reason: String,
        _ error: FleetError
    ) throws(FleetError) {
        lastError = error
        endpoints.change { course.refused(lease, reason: reason, &$0, at: endpoints.now()) }
        if course.isExhausted { throw error }
    }

    /// The endpoint cannot run it, and nothing is wrong with the endpoint.
    mutating func unsuited(_ lease: Lease, _ error: FleetError) {
        lastError = error
        endpoints.change { course.unsuited(lease, &$0, at: endpoints.now()) }
    }

    private var exhausted: FleetError {
        lastError
            ?? FleetError(
                .unavailable,
                "no inference server is ready to run it (\(endpoints.complaints))"
            )
    }
}
