/// How often durations of which size occurred lately: eight bins to each doubling, from a microsecond
/// to hours. Old counts fade as new ones come.
package struct DurationHistogram: Sendable {
    private static let binsPerDoubling = 8
    private static let maximumMicroseconds: UInt64 = 1 << 34

    private var bins = [Int](repeating: 0, count: 33 * binsPerDoubling)
    package private(set) var count = 0
    /// At so many, all are halved.
    private let memory: Int

    package init(memory: Int = 4096) {
        self.memory = memory
    }

    package mutating func add(_ duration: Duration) {
        bins[Self.bin(of: Self.microseconds(duration))] += 1
        count += 1
        guard count >= memory else { return }
        for bin in bins.indices { bins[bin] /= 2 }
        count = bins.reduce(0, +)
    }

    /// The end of the bin in which a share of the durations ends; nil before the first one.
    package func quantile(_ share: Double) -> Duration? {
        guard count > 0 else { return nil }
        let wanted = max(1, Int((share * Double(count)).rounded(.up)))
        var seen = 0
        for bin in bins.indices {
            seen += bins[bin]
            if seen >= wanted { return .microseconds(Self.end(of: bin)) }
        }
        preconditionFailure("the bins hold what was counted")
    }

    private static func microseconds(_ duration: Duration) -> UInt64 {
        let value = duration / .microseconds(1)
        return value < 1
            ? 0 : value < Double(maximumMicroseconds) ? UInt64(value) : maximumMicroseconds - 1
    }

    /// Values below 8 have a bin each; above, the three bits after the first one choose it.
    private static func bin(of value: UInt64) -> Int {
        guard value >= 8 else { return Int(value) }
        let doubling = 63 - value.leadingZeroBitCount
        return (doubling - 2) * binsPerDoubling + Int(value >> UInt64(doubling - 3) & 7)
    }

    private static func end(of bin: Int) -> UInt64 {
        guard bin >= 8 else { return UInt64(bin) + 1 }
        let doubling = bin / binsPerDoubling + 2
        return UInt64(8 + bin % binsPerDoubling + 1) << UInt64(doubling - 3)
    }
}
