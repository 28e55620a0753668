private import Glibc

/// Working space for turning windows of samples into frames of log-mel energies, several frames at
/// a time: each lane of a vector is a frame.
///
/// Nothing of a stream stays in it: whoever computes frames borrows one from
/// ``FilterbankTables/withComputer(_:)``, so that a stream that waits for audio has none.
///
/// Each step rounds as Kaldi's does, in single precision and in Kaldi's order. A lane depends on
/// nothing but its own samples, so that a frame's values do not depend on the frames computed
/// beside it.
final class FrameComputer {
    typealias Lanes = RealTransform.Lanes

    /// Frames computed at once; fewer cost as much.
    static let maximumFrames = Lanes.scalarCount

    // Unowned: the tables keep their idle computers, and whoever borrows one has the tables.
    private unowned let tables: FilterbankTables
    // Allocated by this object, used by it alone and freed by it. One element a sample; what follows
    // the window stays zero.
    private let samples: UnsafeMutableBufferPointer<Lanes>
    // Real and imaginary parts of each bin in turn; then, from the start, the power of each bin.
    private let spectrum: UnsafeMutableBufferPointer<Lanes>
    private let energies: UnsafeMutableBufferPointer<Lanes>

    init(tables: FilterbankTables) {
        self.tables = tables
        samples = .allocate(capacity: tables.transform.length)
        samples.initialize(repeating: .zero)
        spectrum = .allocate(capacity: tables.transform.length)
        spectrum.initialize(repeating: .zero)
        energies = .allocate(capacity: tables.filters.count)
        energies.initialize(repeating: .zero)
    }

    deinit {
        samples.deallocate()
        spectrum.deallocate()
        energies.deallocate()
    }

    /// - Parameters:
    ///   - signal: samples within -1...1 of consecutive frames, of which each begins `shift`
    ///     samples after the one before.
    ///   - count: frames, from 1 to ``maximumFrames``.
    ///   - frames: receives a natural logarithm for each frame and mel filter, row-major.
    func compute(
        _ signal: UnsafeBufferPointer<Float>,
        shift: Int,
        count: Int,
        into frames: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(
            (1...Self.maximumFrames).contains(count)
                && signal.count == tables.window.count + (count - 1) * shift
                && frames.count == count * tables.filters.count
        )
        gather(signal, shift: shift, count: count)
        window()
        tables.transform.transform(samples, into: spectrum)
        sumFilters()
        energies.withMemoryRebound(to: Float.self) { energies in
            var place = 0
            for lane in 0..<count {
                for filter in 0..<tables.filters.count {
                    frames[place] = logf(energies[filter * Self.maximumFrames + lane])
                    place += 1
                }
            }
        }
    }

    /// Gives each frame its lane; lanes without a frame are silent.
    private func gather(_ signal: UnsafeBufferPointer<Float>, shift: Int, count: Int) {
        let length = tables.window.count
        samples.withMemoryRebound(to: Float.self) { samples in
            for lane in 0..<Self.maximumFrames {
                var place = lane
                if lane < count {
                    for sample in UnsafeBufferPointer(
                        rebasing: signal[lane * shift..<lane * shift + length]
                    ) {
                        samples[place] = sample
                        place += Self.maximumFrames
                    }
                } else {
                    for _ in 0..<length {
                        samples[place] = 0
                        place += Self.maximumFrames
                    }
                }
            }
        }
    }

    /// Removes the mean, pre-emphasises and weights.
    private func window() {
        let preemphasis = Lanes(repeating: tables.preemphasis)
        tables.window.withUnsafeBufferPointer { window in
            var sum = Lanes.zero
            for index in window.indices { sum += samples[index] }
            let mean = sum / Float(window.count)
            // The first sample stands for its own predecessor.
            var previous = samples[0] - mean
            for index in window.indices {
                let sample = samples[index] - mean
                samples[index] = (sample - preemphasis * previous) * window[index]
                previous = sample
            }
        }
    }

    /// The power of each bin, and of it what each filter lets through.
    private func sumFilters() {
        for bin in 0..<spectrum.count / 2 {
            let (real, imaginary) = (spectrum[2 * bin], spectrum[2 * bin + 1])
            spectrum[bin] = real * real + imaginary * imaginary
            // The first bin's second value is not its own.
            if bin == 0 { spectrum[0] = real * real }
        }
        // Buffer pointers spare the innermost loop its bounds checks: the tables' own
        // initialiser keeps every filter within the weights and the spectrum.
        let least = Lanes(repeating: .ulpOfOne)
        tables.weights.withUnsafeBufferPointer { weights in
            for (index, filter) in tables.filters.enumerated() {
                var energy = Lanes.zero
                for offset in 0..<filter.weightCount {
                    energy +=
                        spectrum[filter.firstBin + offset] * weights[filter.firstWeight + offset]
                }
                energies[index] = pointwiseMax(energy, least)
            }
        }
    }
}
