internal import Foundation

extension SplitMix64 {
    /// A generator for a property test: the seed is that of `MARTLET_TEST_SEED`, or a fresh one,
    /// and is printed, so that a failing run can be repeated.
    public static func announced(_ test: String = #function) -> SplitMix64 {
        let given = ProcessInfo.processInfo.environment["MARTLET_TEST_SEED"].flatMap { UInt64($0) }
        let seed = given ?? UInt64.random(in: 0...UInt64.max)
        print("\(test): MARTLET_TEST_SEED=\(seed)")
        return SplitMix64(seed: seed)
    }

    public mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
        (0..<count).map { _ in Float.random(in: range, using: &self) }
    }
}
