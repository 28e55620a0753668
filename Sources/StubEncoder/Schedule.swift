/// When the stub's requests are done: an encoder with places for a number of requests at a time,
/// which others wait for in the order in which they came.
///
/// How long a request takes is drawn as it comes, so that its end is known at once: it begins when
/// the first place becomes free, or now. A place that a caller has given up on stays taken to its
/// end: an encoder does not stop in mid-run.
public struct Schedule: Sendable {
    /// How the encoder behaves.
    public struct Settings: Sendable, Equatable {
        /// Requests that run at the same time, from 1 on. With `delay` it sets the capacity:
        /// concurrency / delay requests a second.
        public var concurrency = 64
        /// What a request takes,
        public var delay: Duration = .milliseconds(20)
        /// and each of its rows beyond that,
        public var delayPerRow: Duration = .zero
        /// give or take up to this, evenly spread.
        public var jitter: Duration = .zero
        /// The share of requests that fail, after their time.
        public var errorRate = 0.0
        /// The share of requests that take `stall` longer, and hold their place meanwhile.
        public var stallRate = 0.0
        public var stall: Duration = .seconds(10)
        /// Requests that may wait for a place; a further one is refused.
        public var maximumWaiting = 65_536

        public init() {}
    }

    /// What becomes of a request.
    public enum Fate: Sendable, Equatable {
        case success
        case failure
        case stall
    }

    public let settings: Settings
    private var generator: SeededGenerator
    /// When each place in use becomes free: a heap, the first to become free at its root.
    private var ends: [Duration] = []
    /// Requests whose time has not come, of which all but those that run are waiting.
    public private(set) var underWay = 0

    public init(_ settings: Settings, seed: UInt64) {
        precondition(settings.concurrency > 0, "an encoder runs a request at a time")
        self.settings = settings
        generator = SeededGenerator(seed: seed)
    }

    /// Draws what becomes of the next request.
    public mutating func drawFate() -> Fate {
        let draw = Double.random(in: 0..<1, using: &generator)
        if draw < settings.errorRate { return .failure }
        return draw < settings.errorRate + settings.stallRate ? .stall : .success
    }

    /// Whether as many requests wait as may.
    public var isFull: Bool { underWay >= settings.concurrency + settings.maximumWaiting }

    /// Takes a request of so many rows in, and says when it is done. To be followed by one
    /// ``leave()``; not to be called while the schedule ``isFull``.
    public mutating func enter(_ fate: Fate, rows: Int, now: Duration) -> Duration {
        precondition(!isFull, "a full schedule takes no request")
        underWay += 1
        var time = settings.delay + settings.delayPerRow * rows
        if settings.jitter > .zero {
            time += settings.jitter * Double.random(in: -1...1, using: &generator)
        }
        if fate == .stall { time += settings.stall }
        // A place that is not among the ends has never been used.
        let isReused = ends.count == settings.concurrency
        let end = max(now, isReused ? ends[0] : now) + max(time, .zero)
        if isReused {
            ends[0] = end
            siftDown()
        } else {
            ends.append(end)
            siftUp()
        }
        return end
    }

    /// A request that was taken in is answered, or nobody waits for it any more.
    public mutating func leave() {
        precondition(underWay > 0, "a request leaves once")
        underWay -= 1
    }

    private mutating func siftUp() {
        var child = ends.count - 1
        while child > 0, ends[child] < ends[(child - 1) / 2] {
            ends.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var first = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < ends.count {
                if ends[child] < ends[first] { first = child }
            }
            if first == parent { return }
            ends.swapAt(first, parent)
            parent = first
        }
    }
}

/// Sebastiano Vigna's SplitMix64: what a seed has drawn once it draws again.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
