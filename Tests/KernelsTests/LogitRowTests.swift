internal import Foundation
internal import Kernels
internal import TestSupport
internal import Testing

@Suite struct LogitRowTests {
    @Test func tiesGoToTheLowestIndex() {
        for count in 1...40 {
            for first in 0..<count {
                var row = [Float](repeating: -1, count: count)
                for index in first..<count where (index - first) % 3 == 0 { row[index] = 2.5 }
                #expect(LogitRow.argmax(row.span) == first)
            }
        }
    }

    @Test func rowsThatAreNotFiniteHaveNoMaximum() {
        #expect(LogitRow.argmax([Float]().span) == nil)
        for count in [1, 7, 8, 9, 500] {
            for bad: Float in [.nan, .infinity, -.infinity] {
                for index in [0, count / 2, count - 1] {
                    var row = [Float](repeating: 1, count: count)
                    row[index] = bad
                    #expect(LogitRow.argmax(row.span) == nil)
                    #expect(
                        LogitRow.logProbability(of: 0, in: row.span, temperature: 1).isNaN
                    )
                }
            }
        }
    }

    /// Stored values are numpy's.
    @Test func logSoftmaxAtTemperatures() {
        let row: [Float] = [0.5, -1.25, 3, 2.75, -8, 0.125]
        let expected: [Float: [Double]] = [
            1: LogSoftmaxGolden.atTemperature1, 2: LogSoftmaxGolden.atTemperature2,
        ]
        for (temperature, values) in expected {
            for (index, value) in values.enumerated() {
                let found = LogitRow.logProbability(
                    of: index,
                    in: row.span,
                    temperature: temperature
                )
                #expect(abs(Double(found) - value) < 1e-6)
            }
        }
    }

    @Test func logSoftmaxOfAnyLengthAndRange() {
        var random = SplitMix64.announced()
        for count in [1, 2, 7, 8, 9, 31, 500, 1_030] {
            for range: ClosedRange<Float> in [-1...1, -30...30, -500...500] {
                let row = random.floats(count, in: range)
                let temperature = Float.random(in: 0.5...3, using: &random)
                let scaled = row.map { Double($0) / Double(temperature) }
                let greatest = scaled.max() ?? 0
                let logSum = greatest + log(scaled.reduce(0) { $0 + exp($1 - greatest) })
                var found = [Float](repeating: 0, count: count)
                var span = found.mutableSpan
                LogitRow.logSoftmax(row.span, temperature: temperature, into: &span)
                for index in 0..<count {
                    let exact = scaled[index] - logSum
                    #expect(abs(Double(found[index]) - exact) <= 1e-5 + 1e-6 * abs(exact))
                    let single = LogitRow.logProbability(
                        of: index,
                        in: row.span,
                        temperature: temperature
                    )
                    #expect(single.bitPattern == found[index].bitPattern)
                }
            }
        }
    }
}
