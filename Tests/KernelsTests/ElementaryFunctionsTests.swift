internal import Foundation
internal import Kernels
internal import TestSupport
internal import Testing

@Suite struct ElementaryFunctionsTests {
    private static func hyperbolicTangents(_ values: [Float]) -> [Float] {
        var padded = values + [Float](repeating: 0, count: (8 - values.count % 8) % 8)
        padded.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            applyHyperbolicTangent(base, count: values.count)
        }
        return Array(padded[..<values.count])
    }

    @Test func tangentIsWithinItsStatedError() {
        // Every 997th float from the smallest normal one to 2^7, both signs.
        let patterns = stride(from: UInt32(0x0080_0000), to: 0x4300_0000, by: 997)
        let values = patterns.flatMap { [Float(bitPattern: $0), -Float(bitPattern: $0)] }
        var greatestError = 0.0
        for (value, found) in zip(values, Self.hyperbolicTangents(values)) {
            let exact = tanh(Double(value))
            greatestError = max(greatestError, abs(Double(found) / exact - 1))
        }
        #expect(greatestError <= 2e-7)
    }

    @Test func tangentAtItsEnds() {
        let values: [Float] = [0, 1_000, -1_000, .infinity, -.infinity, .greatestFiniteMagnitude]
        #expect(Self.hyperbolicTangents(values) == [0, 1, -1, 1, -1, 1])
        #expect(Self.hyperbolicTangents([1, .nan, 1])[1].isNaN)
    }

    @Test func tangentDoesNotDependOnPosition() {
        var random = SplitMix64.announced()
        let value = Float.random(in: -4...4, using: &random)
        let alone = Self.hyperbolicTangents([value])[0].bitPattern
        for position in 0..<24 {
            var values = random.floats(24, in: -50...50)
            values[position] = value
            #expect(Self.hyperbolicTangents(values)[position].bitPattern == alone)
        }
    }
}
