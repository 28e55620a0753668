internal import GRPCTransport
internal import ModelBundle

/// A stream whose state stays on an endpoint, in a sequence of Triton's: the owner of a
/// ``Placement``, which says what to send, while this does.
///
/// Each chunk is a request of its own, with its own deadline, to the endpoint where the state is.
/// Where that takes no more work, fails, or has forgotten the sequence, the stream is placed again,
/// within the time that the chunk has.
final class ResidentStream: EncoderStream {
    private let shared: ResidentStreams
    private var placement: Placement
    /// Where the placement's sequence is.
    private var home: Endpoint?
    /// Where to go next, if that admits: it has much less to do.
    private var preferred: EndpointID?
    private let reservedByteCount: Int
    private var heldByteCount = 0
    /// Bytes of the chunks since the snapshot.
    private var chunkByteCount = 0
    private var isEnded = false

    private var endpoints: EndpointSet { shared.endpoints }

    init(_ shared: ResidentStreams, _ placement: Placement, reservedByteCount: Int) {
        self.shared = shared
        self.placement = placement
        self.reservedByteCount = reservedByteCount
    }

    deinit {
        end()
    }

    func encode(_ features: [Float]) async throws(FleetError) -> EncoderOutput {
        precondition(!isEnded, "a chunk of a stream that has ended")
        let (chunk, addedByteCount) = shared.codec.contents(
            ofChunk: features,
            after: placement.lastChunk
        )
        chunkByteCount += addedByteCount
        defer { updateHeldBytes() }
        do {
            return try await run(placement.begin(chunk))
        } catch {
            farewell(placement.giveUp())
            chunkByteCount -= addedByteCount
            throw error
        }
    }

    func end() {
        guard !isEnded else { return }
        isEnded = true
        farewell(placement.end())
        chunkByteCount = 0
        updateHeldBytes()
        shared.close(reservedByteCount: reservedByteCount)
    }

    // MARK: Running a chunk

    /// Sends what the placement says until the chunk's output is there.
    /// - Parameter first: nil when an endpoint must be chosen first.
    private func run(_ first: Placement.Request?) async throws(FleetError) -> EncoderOutput {
        var attempts = Attempts(endpoints)
        var next = first
        // Only a sequence that was well before this chunk may have been forgotten meanwhile; an
        // endpoint that knows nothing of one that was just started there has failed.
        var mayBeForgotten = true
        while true {
            let (request, lease, endpoint) = try await grant(next, &attempts)
            if request.starts { mayBeForgotten = false }
            next = nil
            let timeout = attempts.timeout
            let message: MessageBytes
            do {
                message = try await endpoint.client.modelInfer(
                    shared.codec.message(request),
                    timeout: timeout
                )
            } catch {
                let isUnknown = SequenceCodec.saysUnknown(error, sequenceID: request.sequence.id)
                if isUnknown, mayBeForgotten {
                    endpoints.end(lease, .abandoned)
                    shared.count { $0.forgottenSequences += 1 }
                } else if isUnknown {
                    let message = "\(endpoint.address): \(error.code): \(error.message)"
                    try attempts.failed(
                        lease,
                        reason: message,
                        FleetError(.backendFailure, message)
                    )
                } else {
                    try attempts.failed(lease, endpoint, error, timeout: timeout)
                }
                leave()
                continue
            }
            let answer: Placement.Answer
            let output: MessageBytes
            do {
                (answer, output) = try shared.codec.read(message, wantsState: request.wantsState)
            } catch {
                try attempts.failed(lease, reason: error.message, error)
                leave()
                continue
            }
            switch placement.answered(answer) {
            case .send(let following):
                endpoints.end(lease, .succeeded)
                shared.count { $0.repeatedChunks += 1 }
                next = following
            case .deliver(let tookSnapshot):
                attempts.succeeded(lease)
                if tookSnapshot { noteSnapshot() }
                return EncoderOutput(output, dimension: shared.codec.frameDimension)
            case .stale:
                shared.count { $0.fencedAnswers += 1 }
                let message =
                    "\(endpoint.address): answered \"\(answer.id)\" when asked \"\(request.id)\""
                try attempts.failed(lease, reason: message, FleetError(.incompatible, message))
                leave()
            case .otherVersion(let expected):
                attempts.unsuited(
                    lease,
                    FleetError(
                        .incompatible,
                        """
                        \(endpoint.address): runs version \(answer.modelVersion) of model \
                        "\(endpoints.model.tritonModel)"; the stream's state is of version \
                        \(expected), which no endpoint runs that admits work
                        """
                    )
                )
                leave()
            }
        }
    }

    /// The right to send a request: to where the stream lives, or, where that takes no more work
    /// or there is no such place, to another endpoint and with another placement's first request.
    private func grant(
        _ request: Placement.Request?,
        _ attempts: inout Attempts
    ) async throws(FleetError) -> (Placement.Request, Lease, Endpoint) {
        if let request, let home {
            if let lease = attempts.lease(on: home) { return (request, lease, home) }
            leave()
        }
        let (lease, endpoint) = try await attempts.next(preferring: preferred)
        preferred = nil
        home = endpoint
        endpoints.notePlacement(on: endpoint.id, 1)
        let request = placement.place(
            on: endpoint.id,
            sequenceID: ResidentStreams.freshSequenceID()
        )
        shared.count {
            if placement.placementCount > 1 { $0.moves += 1 }
            if request.restored != nil { $0.restores += 1 }
        }
        return (request, lease, endpoint)
    }

    /// A snapshot was taken: nothing would have to be repeated elsewhere, so that this is when to
    /// go where there is less to do.
    private func noteSnapshot() {
        chunkByteCount = 0
        shared.count { $0.snapshots += 1 }
        guard let home, let better = shared.betterEndpoint(than: home.id) else { return }
        preferred = better
        leave()
    }

    // MARK: Leaving

    private func leave() {
        farewell(placement.leave())
    }

    private func farewell(_ sequence: Placement.Sequence?) {
        guard let sequence, let home else { return }
        self.home = nil
        endpoints.notePlacement(on: sequence.endpoint, -1)
        shared.farewells.send(sequence.id, to: home)
    }

    private func updateHeldBytes() {
        let byteCount = placement.snapshotByteCount + chunkByteCount
        shared.budget.hold(byteCount - heldByteCount)
        heldByteCount = byteCount
    }
}
