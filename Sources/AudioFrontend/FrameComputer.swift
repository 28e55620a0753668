internal import CKissFFT
private import Glibc

/// Working space for turning windows of samples into frames of log-mel energies.
///
/// Nothing of a stream stays in it: whoever computes frames borrows one from
/// ``FilterbankTables/withComputer(_:)``, so that a stream that waits for audio has none.
///
/// Each step rounds as Kaldi's does, in single precision; with the reference's own transform in
/// place of this library's build of it the values are its values bit for bit.
final class FrameComputer {
    // Unowned: the tables keep their idle computers, and whoever borrows one has the tables.
    private unowned let tables: FilterbankTables
    private let transform: RealTransform
    private var windowed: [Float]
    private var spectrum: [kiss_fft_cpx]
    private var power: [Float]

    init(tables: FilterbankTables) {
        self.tables = tables
        transform = RealTransform(length: tables.transformLength)
        // What follows the window stays zero.
        windowed = Array(repeating: 0, count: tables.transformLength)
        spectrum = Array(repeating: kiss_fft_cpx(), count: tables.transformLength / 2 + 1)
        power = Array(repeating: 0, count: tables.transformLength / 2)
    }

    /// - Parameters:
    ///   - samples: a window's length of samples within -1...1.
    ///   - frame: receives a natural logarithm for each mel filter.
    func compute(
        _ samples: UnsafeBufferPointer<Float>,
        into frame: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(
            samples.count == tables.window.count && frame.count == tables.filters.count
        )
        window(samples)
        transform.transform(windowed, into: &spectrum)
        for bin in power.indices {
            let value = spectrum[bin]
            power[bin] = value.r * value.r + value.i * value.i
        }
        // Buffer pointers spare the innermost loop its bounds checks: the tables' own
        // initialiser keeps every filter within the weights and the spectrum.
        power.withUnsafeBufferPointer { power in
            tables.weights.withUnsafeBufferPointer { weights in
                for (index, filter) in tables.filters.enumerated() {
                    var energy: Float = 0
                    for offset in 0..<filter.weightCount {
                        energy +=
                            weights[filter.firstWeight + offset] * power[filter.firstBin + offset]
                    }
                    frame[index] = logf(max(energy, .ulpOfOne))
                }
            }
        }
    }

    /// Removes the mean, pre-emphasises and weights.
    private func window(_ samples: UnsafeBufferPointer<Float>) {
        let mean = Self.sum(samples) / Float(samples.count)
        let preemphasis = tables.preemphasis
        windowed.withUnsafeMutableBufferPointer { windowed in
            tables.window.withUnsafeBufferPointer { window in
                // The first sample stands for its own predecessor.
                let first = samples[0] - mean
                windowed[0] = (first - preemphasis * first) * window[0]
                for index in 1..<samples.count {
                    windowed[index] =
                        ((samples[index] - mean) - preemphasis * (samples[index - 1] - mean))
                        * window[index]
                }
            }
        }
    }

    /// Eight partial sums at once. 16-bit samples sum exactly in any order up to 512 of them, so
    /// this equals Kaldi's running sum there; elsewhere the order is still always the same.
    private static func sum(_ samples: UnsafeBufferPointer<Float>) -> Float {
        let bytes = UnsafeRawBufferPointer(samples)
        var lanes = SIMD8<Float>.zero
        var index = 0
        while index + 8 <= samples.count {
            lanes += bytes.loadUnaligned(
                fromByteOffset: index * MemoryLayout<Float>.size,
                as: SIMD8<Float>.self
            )
            index += 8
        }
        var total = lanes.sum()
        while index < samples.count {
            total += samples[index]
            index += 1
        }
        return total
    }
}
