private import Glibc
internal import Synchronization

/// What every frame of a filterbank needs and no frame changes: the window and the mel filters.
///
/// Values are rounded where Kaldi rounds them: the window is computed in double precision and kept
/// in single, the filters are computed in single precision throughout. All streams of a model share
/// one.
final class FilterbankTables: Sendable {
    /// One triangular filter: the bins of the power spectrum it sums, and where their weights are.
    struct MelFilter: Sendable {
        var firstBin: Int
        var firstWeight: Int
        var weightCount: Int
    }

    /// Povey's window: Hann's to the power of 0.85, which is zero at its edges.
    let window: [Float]
    /// Of the window's length rounded up to a power of two.
    let transform: RealTransform
    let filters: [MelFilter]
    let weights: [Float]
    let preemphasis: Float
    private let computers = Mutex<[IdleComputer]>([])

    /// A computer that nobody uses.
    // Unchecked because a computer belongs to one thread at a time: it is either in the list, under
    // its lock, or with the one who took it out.
    private struct IdleComputer: @unchecked Sendable {
        let computer: FrameComputer
    }

    /// Idle computers that are kept. No more than this compute at the same time for long.
    private static let maximumIdleComputers = 64

    init(
        sampleRateHertz: Float,
        melBins: Int,
        windowSamples: Int,
        lowHertz: Float,
        highHertz: Float,
        preemphasis: Float
    ) throws(AudioError) {
        let step = 2 * Double.pi / Double(windowSamples - 1)
        window = (0..<windowSamples).map { Float(pow(0.5 - 0.5 * cos(step * Double($0)), 0.85)) }
        var length = 4
        while length < windowSamples { length *= 2 }
        transform = RealTransform(length: length)
        self.preemphasis = preemphasis

        let binWidthHertz = sampleRateHertz / Float(length)
        let lowMel = Self.mel(hertz: lowHertz)
        let melStep = (Self.mel(hertz: highHertz) - lowMel) / Float(melBins + 1)
        // The bin at the Nyquist frequency belongs to no filter.
        let binMels = (0..<(length / 2)).map { Self.mel(hertz: binWidthHertz * Float($0)) }
        var filters: [MelFilter] = []
        var weights: [Float] = []
        for filter in 0..<melBins {
            let left = lowMel + Float(filter) * melStep
            let centre = lowMel + Float(filter + 1) * melStep
            let right = lowMel + Float(filter + 2) * melStep
            let bins = binMels.indices.filter { binMels[$0] > left && binMels[$0] < right }
            guard let firstBin = bins.first else {
                throw .invalidFilterbank(
                    field: "mel_bins",
                    reason: """
                        \(melBins) filters are too many for a transform of \(length) points: \
                        filter \(filter) is empty
                        """
                )
            }
            filters.append(
                MelFilter(
                    firstBin: firstBin,
                    firstWeight: weights.count,
                    weightCount: bins.count
                )
            )
            weights += bins.map { bin in
                let mel = binMels[bin]
                return mel <= centre
                    ? (mel - left) / (centre - left) : (right - mel) / (right - centre)
            }
        }
        self.filters = filters
        self.weights = weights
    }

    /// Lends a computer for as long as `body` runs.
    func withComputer(_ body: (FrameComputer) -> Void) {
        let idle = computers.withLock { $0.popLast() }
        let computer = idle?.computer ?? FrameComputer(tables: self)
        body(computer)
        let returned = IdleComputer(computer: computer)
        computers.withLock { computers in
            if computers.count < Self.maximumIdleComputers { computers.append(returned) }
        }
    }

    private static func mel(hertz: Float) -> Float {
        1127 * logf(1 + hertz / 700)
    }
}
