/// What each slot of a load does and when, as a seed has it. A slot runs one stream after another.
public struct LoadPlan: Sendable {
    public var slotCount: Int
    public var recordingCount: Int
    /// The time over which the slots open their first streams, evenly.
    public var ramp: Duration
    /// The audio in a message: a stream's place within it is random.
    public var messageDuration: Duration
    public var seed: UInt64

    public init(
        slotCount: Int,
        recordingCount: Int,
        ramp: Duration,
        messageDuration: Duration,
        seed: UInt64
    ) {
        precondition(slotCount > 0 && recordingCount > 0, "a load has slots and recordings")
        self.slotCount = slotCount
        self.recordingCount = recordingCount
        self.ramp = ramp
        self.messageDuration = messageDuration
        self.seed = seed
    }

    /// When a slot opens its first stream, from the beginning of the load.
    public func opening(ofSlot slot: Int) -> Duration {
        precondition((0..<slotCount).contains(slot), "a slot's number")
        return ramp * slot / slotCount
    }

    /// The choices of one slot, the same whatever other slots do.
    public func choices(ofSlot slot: Int) -> SlotChoices {
        SlotChoices(self, generator: SeededGenerator(seed: seed, stream: slot))
    }
}

/// What one slot draws, in the order in which it asks.
public struct SlotChoices: Sendable {
    private let plan: LoadPlan
    private var generator: SeededGenerator

    fileprivate init(_ plan: LoadPlan, generator: SeededGenerator) {
        self.plan = plan
        self.generator = generator
    }

    /// The number of the recording that the next stream speaks.
    public mutating func recording() -> Int {
        Int.random(in: 0..<plan.recordingCount, using: &generator)
    }

    /// What a stream waits before its audio begins, less than a message.
    public mutating func phase() -> Duration {
        plan.messageDuration * Double.random(in: 0..<1, using: &generator)
    }

    /// What a refused stream waits before it is opened again: the server's advice and up to half of
    /// it more, so that those who were refused together do not come back together.
    public mutating func pause(advice: Duration?) -> Duration {
        let bounded = min(
            max(advice ?? RetryPause.withoutAdvice, RetryPause.minimum),
            RetryPause.maximum
        )
        return bounded * Double.random(in: 1..<1.5, using: &generator)
    }
}

/// Bounds of what a server's retry advice is taken for.
public enum RetryPause {
    public static let minimum = Duration.milliseconds(100)
    public static let maximum = Duration.seconds(30)
    public static let withoutAdvice = Duration.seconds(1)
}
