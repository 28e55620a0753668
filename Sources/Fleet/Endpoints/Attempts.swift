internal import GRPCTransport

/// One request's way over the endpoints until one of them has run it.
///
/// - An endpoint that was lost on the way takes no more work by then; another one is asked.
/// - One that answers with an error is not asked again, and is blamed once another endpoint could
///   run the request. Where all have answered so, they are probed before they get more work.
/// - Where no endpoint admits work, the request waits for one.
///
/// All of it ends at the deadline, and with ``maximumFailures`` answers that were errors.
struct Attempts {
    /// Errors that are taken for an answer before the request itself is held to be at fault.
    static let maximumFailures = 6

    /// Time between two looks for an endpoint where each that admits is unsuited.
    private static let unsuitedPause = Duration.milliseconds(100)

    private let endpoints: EndpointSet
    /// When the stream is told that it cannot go on.
    let deadline: Duration
    private var failed: [(endpoint: EndpointID, reason: String)] = []
    /// Endpoints that cannot run it through no fault of theirs.
    private var unsuited: [EndpointID] = []
    private var failureCount = 0
    private var attemptCount = 0
    private(set) var lastError: FleetError?

    init(_ endpoints: EndpointSet) {
        self.endpoints = endpoints
        deadline = endpoints.now() + endpoints.configuration.patience
    }

    /// What the next attempt may take: no more than a request may, and than is left.
    var timeout: Duration {
        max(
            min(endpoints.configuration.inferTimeout, deadline - endpoints.now()),
            .milliseconds(1)
        )
    }

    /// The endpoint where the stream's state is, for the next attempt; nil when it admits no work.
    mutating func lease(on endpoint: Endpoint) -> Lease? {
        if attemptCount == 0 {
            endpoints.noteFirstAttempt()
            attemptCount = 1
        }
        return endpoints.lease(on: endpoint.id)?.0
    }

    /// An endpoint for the next attempt, as soon as there is one.
    /// - Parameter preferred: taken if it admits and none has failed yet.
    mutating func next(
        rows: Int = 1,
        preferring preferred: EndpointID? = nil
    ) async throws(FleetError) -> (Lease, Endpoint) {
        if attemptCount == 0 {
            endpoints.noteFirstAttempt()
        } else if try await !endpoints.retryAllowed(before: deadline) {
            throw exhausted
        }
        attemptCount += 1
        while true {
            if Task.isCancelled { throw .cancelled }
            if let preferred, failed.isEmpty, unsuited.isEmpty,
                let found = endpoints.lease(on: preferred)
            {
                return found
            }
            let excluded = unsuited + failed.map(\.endpoint)
            if let found = endpoints.lease(rows: rows, excluding: excluded) { return found }
            if endpoints.hasAdmitting, failed.isEmpty {
                // Every endpoint that admits is unsuited; another one may come.
                let left = deadline - endpoints.now()
                guard left > .zero else { throw exhausted }
                try await endpoints.pause(min(left, Self.unsuitedPause))
                continue
            }
            if endpoints.hasAdmitting {
                // Every endpoint that admits has answered with an error.
                guard failureCount < Self.maximumFailures else { throw exhausted }
                for (endpoint, reason) in failed { endpoints.suspect(endpoint, reason: reason) }
                failed = []
            }
            guard try await endpoints.admissionCame(before: deadline) else { throw exhausted }
        }
    }

    /// The attempt has succeeded.
    func succeeded(_ lease: Lease) {
        endpoints.end(lease, .succeeded)
        for (endpoint, reason) in failed { endpoints.blame(endpoint, reason: reason) }
    }

    /// The attempt has failed.
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
        case .lost(let reason, let error):
            endpoints.end(lease, .lost(reason: reason))
            lastError = error
        case .refused(let reason, let error):
            try failed(lease, reason: reason, error)
        }
    }

    /// The answer was no good, or an error.
    mutating func failed(
        _ lease: Lease,
        reason: String,
        _ error: FleetError
    ) throws(FleetError) {
        endpoints.end(lease, .failed)
        failed.append((lease.endpoint, reason))
        failureCount += 1
        lastError = error
        if failureCount >= Self.maximumFailures { throw exhausted }
    }

    /// The endpoint cannot run it, and nothing is wrong with the endpoint.
    mutating func unsuited(_ lease: Lease, _ error: FleetError) {
        endpoints.end(lease, .abandoned)
        unsuited.append(lease.endpoint)
        lastError = error
    }

    private var exhausted: FleetError {
        lastError
            ?? FleetError(
                .unavailable,
                "no inference server is ready to run it (\(endpoints.complaints))"
            )
    }
}
