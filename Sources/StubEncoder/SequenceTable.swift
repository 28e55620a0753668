/// The sequences of the resident model, and the chain that each has come to.
///
///     unknown --start--> open --chunk--> open --end--> unknown
///     open --idle for too long--> unknown, counted as reaped
///     open --start--> refused: two streams have one id, and must not mix
///
/// A start that is an end as well leaves nothing, and so does an end that is refused.
public struct SequenceTable: Sendable {
    /// One request's part in its sequence.
    public struct Step: Sendable {
        public var isStart = false
        public var isEnd = false
        /// What the stream had come to before this chunk, where a start brings states.
        public var restored: ChainHash?
        /// Nil in an end that brings no chunk.
        public var chunk: ChunkDigest?

        public init() {}
    }

    /// Why a request cannot be run.
    public enum Refusal: Error, Equatable {
        /// The sequence has not begun, has ended, or was reaped.
        case unknownSequence
        /// A start of a sequence that has begun.
        case alreadyOpen
        /// As many sequences as there may be are open. (Triton has such a request wait.)
        case noRoom
    }

    /// What has happened so far.
    public struct Counts: Sendable, Equatable {
        public var opened = 0
        public var ended = 0
        public var reaped = 0
    }

    public let maximumSequences: Int
    /// A sequence without a request for longer is reaped.
    public let maximumIdle: Duration
    public private(set) var counts = Counts()
    private var open: [Int64: (chain: ChainHash, lastUse: Duration)] = [:]
    private var nextReaping: Duration

    public init(maximumSequences: Int, maximumIdle: Duration) {
        self.maximumSequences = maximumSequences
        self.maximumIdle = maximumIdle
        nextReaping = maximumIdle
    }

    /// Sequences that are open.
    public var openCount: Int { open.count }

    /// Whether a step can be taken.
    public mutating func check(
        _ step: Step,
        of sequence: Int64,
        now: Duration
    ) throws(Refusal) {
        if now >= nextReaping { reap(now: now) }
        if let entry = open[sequence], now - entry.lastUse > maximumIdle {
            open[sequence] = nil
            counts.reaped += 1
        }
        if open[sequence] != nil {
            if step.isStart { throw .alreadyOpen }
            return
        }
        guard step.isStart else { throw .unknownSequence }
        if !step.isEnd, open.count >= maximumSequences {
            reap(now: now)
            guard open.count < maximumSequences else { throw .noRoom }
        }
    }

    /// Takes a step that ``check(_:of:now:)`` has just found possible.
    /// - Returns: The chain that the step's chunk makes; nil without one.
    public mutating func take(_ step: Step, of sequence: Int64, now: Duration) -> ChainHash? {
        let known = open[sequence]?.chain
        precondition(step.isStart == (known == nil), "a sequence begins with a start, once")
        if step.isStart { counts.opened += 1 }
        let before = known ?? step.restored ?? .start
        let after = step.chunk.map { before.followed(by: $0) }
        if step.isEnd {
            counts.ended += 1
            open[sequence] = nil
        } else {
            open[sequence] = (after ?? before, now)
        }
        return after
    }

    /// Frees a sequence whose last request is not run.
    public mutating func end(_ sequence: Int64) {
        if open.removeValue(forKey: sequence) != nil { counts.ended += 1 }
    }

    /// Forgets sequences that have been idle for too long.
    public mutating func reap(now: Duration) {
        let before = open.count
        open = open.filter { now - $0.value.lastUse <= maximumIdle }
        counts.reaped += before - open.count
        // Looked for often enough that a dead sequence outlives its time by no more than a half.
        nextReaping = now + maximumIdle / 2
    }
}
