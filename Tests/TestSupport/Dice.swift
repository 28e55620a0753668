internal import Synchronization

/// Random numbers for several tasks at once.
public final class Dice: Sendable {
    private let random: Mutex<SplitMix64>

    public init(seed: UInt64) {
        random = Mutex(SplitMix64(seed: seed))
    }

    /// A number from `0..<sides`.
    public func roll(_ sides: Int) -> Int {
        random.withLock { Int.random(in: 0..<sides, using: &$0) }
    }
}
