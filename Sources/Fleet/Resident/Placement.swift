package import GRPCTransport

/// Where a stream lives whose state stays on an endpoint, and what it takes to let it live
/// elsewhere: a pure machine, without time, chance or network.
///
/// States and transitions:
///
///     unplaced ----an endpoint was chosen; chunks to repeat----> catching up
///     unplaced ----an endpoint was chosen; none to repeat------> running
///     catching up --answer; more to repeat---------------------> catching up
///     catching up --answer; none left--------------------------> running
///     running -----answer: its output is the chunk's-----------> placed
///     placed ------the next chunk------------------------------> running
///     all of these but unplaced
///             -----the sequence is left, for whatever reason---> unplaced
///     any ---------the stream ends-----------------------------> ended
///
/// A placement is one sequence of Triton's, under an id that was never used before. Its first
/// request starts it, from zeros or from the last snapshot; the chunks since are repeated in order,
/// their outputs unused; then comes the chunk that waits. Once any request of a sequence has failed,
/// or nobody knows whether it has run, the sequence is left for good: nothing is ever sent to it a
/// second time.
///
/// A request is answered only by the answer that carries its id, which names stream, placement and
/// chunk; any other is ``Progress/stale``. The snapshot is replaced, and chunks are forgotten, only
/// when the answer to the request that asked for it is there whole.
package struct Placement: Sendable {
    /// A sequence of Triton's on an endpoint.
    package struct Sequence: Hashable, Sendable {
        package let endpoint: EndpointID
        /// At least 1, at most 2^63 - 1.
        package let id: UInt64
    }

    /// What to send next.
    package struct Request: Sendable {
        package let sequence: Sequence
        /// The chunk's place in the stream, from 0.
        package let ordinal: Int
        /// `<stream>/<placement>/<ordinal>`, which comes back with the answer.
        package let id: String
        /// Whether it is the sequence's first.
        package let starts: Bool
        /// With the first: the state before the chunk, in the order of the model's states; nil
        /// where that is zeros.
        package let restored: [MessageBytes]?
        package let chunk: MessageBytes
        /// Whether the answer is to bring the state after the chunk.
        package let wantsState: Bool
        /// Whether the chunk was decoded already, so that its output is of no use.
        package let isRepeated: Bool
    }

    /// What came back.
    package struct Answer: Sendable {
        package var id: String
        /// The version of the model that has run the chunk.
        package var modelVersion: String
        /// The state after the chunk, where it came.
        package var state: [MessageBytes]?

        package init(id: String, modelVersion: String, state: [MessageBytes]? = nil) {
            self.id = id
            self.modelVersion = modelVersion
            self.state = state
        }
    }

    /// What an answer has led to.
    package enum Progress: Sendable {
        /// A chunk was repeated; this is to be sent now.
        case send(Request)
        /// The answer's output is that of the chunk that waited.
        case deliver(tookSnapshot: Bool)
        /// The answer is to no request that waits, or lacks what that asked for: to be dropped.
        case stale
        /// Another version of the model has run it than the one that has run the stream so far,
        /// which is given here. The output is to be dropped and the sequence to be left.
        case otherVersion(expected: String)
    }

    private enum State {
        case unplaced
        /// The stream's state is there, after every chunk that was delivered.
        case placed(Sequence)
        /// A request for a chunk that was delivered before is under way.
        case catchingUp(Request)
        /// The request for the chunk that waits is under way.
        case running(Request)
        case ended
    }

    private let stream: UInt64
    private let interval: Int
    private let phase: Int
    private var state = State.unplaced
    /// Sequences so far.
    package private(set) var placementCount: UInt64 = 0
    /// Chunks whose outputs were delivered: the ordinal of the next one.
    package private(set) var deliveredCount = 0
    /// Whether a chunk waits for its output.
    private var isWaiting = false
    /// The state before ``firstOrdinal``; nil where that is zeros.
    private var snapshot: [MessageBytes]?
    private var firstOrdinal = 0
    /// What the sequence must be fed with from the snapshot on, the chunk that waits included.
    private var chunks: [MessageBytes] = []
    /// The version of the model that has run the stream; nil before the first output.
    package private(set) var modelVersion: String?

    /// - Parameters:
    ///   - stream: Tells the stream from others in request ids.
    ///   - interval: A snapshot comes with every so many chunks, at least 1.
    ///   - phase: Which of them, of `0..<interval`: spread, so that not all streams take theirs at
    ///     the same time.
    package init(stream: UInt64, snapshotInterval interval: Int, phase: Int) {
        precondition(
            interval >= 1 && (0..<interval).contains(phase),
            "phase \(phase) of \(interval)"
        )
        self.stream = stream
        self.interval = interval
        self.phase = phase
    }

    // MARK: What there is

    /// The sequence where the stream's state is, or is being brought.
    package var sequence: Sequence? {
        switch state {
        case .unplaced, .ended: nil
        case .placed(let sequence): sequence
        case .catchingUp(let request), .running(let request): request.sequence
        }
    }

    /// The last chunk since the snapshot.
    package var lastChunk: MessageBytes? { chunks.last }

    /// Chunks that another placement would have to repeat.
    package var repeatCount: Int { deliveredCount - firstOrdinal }

    package var snapshotByteCount: Int { snapshot?.reduce(0) { $0 + $1.count } ?? 0 }

    // MARK: Events

    /// The next chunk has come.
    /// - Returns: what to send; nil when an endpoint must be chosen first.
    package mutating func begin(_ chunk: MessageBytes) -> Request? {
        precondition(!isWaiting, "one chunk at a time")
        chunks.append(chunk)
        isWaiting = true
        switch state {
        case .unplaced:
            return nil
        case .placed(let sequence):
            return run(on: sequence, starts: false)
        case .catchingUp, .running, .ended:
            preconditionFailure("a chunk came to a stream that is \(state)")
        }
    }

    /// An endpoint was chosen for the stream.
    /// - Parameter id: of a sequence; never used before.
    package mutating func place(on endpoint: EndpointID, sequenceID id: UInt64) -> Request {
        precondition((1...UInt64(Int64.max)).contains(id), "\(id) is no sequence id")
        guard case .unplaced = state, isWaiting else {
            preconditionFailure("an endpoint for a stream that is \(state)")
        }
        placementCount += 1
        let sequence = Sequence(endpoint: endpoint, id: id)
        return request(firstOrdinal, on: sequence, starts: true)
    }

    /// An answer has come, from wherever.
    package mutating func answered(_ answer: Answer) -> Progress {
        switch state {
        case .catchingUp(let request) where request.id == answer.id:
            if let progress = refusal(of: answer, to: request) { return progress }
            return .send(self.request(request.ordinal + 1, on: request.sequence, starts: false))
        case .running(let request) where request.id == answer.id:
            if let progress = refusal(of: answer, to: request) { return progress }
            state = .placed(request.sequence)
            isWaiting = false
            deliveredCount += 1
            modelVersion = answer.modelVersion
            guard request.wantsState else { return .deliver(tookSnapshot: false) }
            snapshot = answer.state
            firstOrdinal = deliveredCount
            chunks.removeAll(keepingCapacity: true)
            return .deliver(tookSnapshot: true)
        case .unplaced, .placed, .catchingUp, .running, .ended:
            return .stale
        }
    }

    /// The sequence is of no use any more: a request failed, its endpoint takes no more work, or
    /// the stream is better off elsewhere.
    /// - Returns: what to end; nil when there was none.
    package mutating func leave() -> Sequence? {
        guard let sequence else { return nil }
        state = .unplaced
        return sequence
    }

    /// The chunk that waits will not be run; the stream is where it was before the chunk came.
    /// - Returns: what to end: the sequence, if the chunk may have run there.
    package mutating func giveUp() -> Sequence? {
        guard isWaiting else { return nil }
        isWaiting = false
        chunks.removeLast()
        return leave()
    }

    /// Nothing more will come.
    /// - Returns: what to end; nil when there is nothing.
    package mutating func end() -> Sequence? {
        defer {
            state = .ended
            snapshot = nil
            chunks = []
        }
        return sequence
    }

    // MARK: Requests

    /// The request for a chunk since the snapshot.
    private mutating func request(
        _ ordinal: Int,
        on sequence: Sequence,
        starts: Bool
    ) -> Request {
        guard ordinal < deliveredCount else { return run(on: sequence, starts: starts) }
        let request = Request(
            sequence: sequence,
            ordinal: ordinal,
            id: id(of: ordinal),
            starts: starts,
            restored: starts ? snapshot : nil,
            chunk: chunks[ordinal - firstOrdinal],
            wantsState: false,
            isRepeated: true
        )
        state = .catchingUp(request)
        return request
    }

    /// The request for the chunk that waits.
    private mutating func run(on sequence: Sequence, starts: Bool) -> Request {
        let request = Request(
            sequence: sequence,
            ordinal: deliveredCount,
            id: id(of: deliveredCount),
            starts: starts,
            restored: starts ? snapshot : nil,
            chunk: chunks[deliveredCount - firstOrdinal],
            wantsState: (deliveredCount + 1 + phase).isMultiple(of: interval),
            isRepeated: false
        )
        state = .running(request)
        return request
    }

    private func id(of ordinal: Int) -> String { "\(stream)/\(placementCount)/\(ordinal)" }

    private func refusal(of answer: Answer, to request: Request) -> Progress? {
        if let modelVersion, answer.modelVersion != modelVersion {
            return .otherVersion(expected: modelVersion)
        }
        return request.wantsState && answer.state == nil ? .stale : nil
    }
}
