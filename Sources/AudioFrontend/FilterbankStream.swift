/// Samples at the model's rate in, in pieces of any size; filterbank frames out.
///
/// A frame is computed once, from its samples alone, as soon as the last of them is there. So the
/// values cannot depend on how the samples came. Of the samples only what the next frame spans is
/// kept.
struct FilterbankStream {
    /// Samples taken in at a time.
    static let blockSamples = 1_024

    let configuration: FilterbankConfiguration
    private(set) var frames: FrameBuffer
    /// Samples received, padding included.
    private(set) var sampleCount = 0
    // The last samples received; history[0] is the stream's sample `historyStart`.
    private var history: [Float] = []
    private var historyStart = 0

    init(configuration: FilterbankConfiguration) {
        self.configuration = configuration
        frames = FrameBuffer(bins: configuration.melBins)
    }

    mutating func append(_ samples: UnsafeBufferPointer<Float>) {
        var rest = samples[...]
        while !rest.isEmpty {
            let block = rest.prefix(Self.blockSamples)
            rest = rest.dropFirst(block.count)
            forgetSamples()
            history.append(contentsOf: block)
            sampleCount += block.count
            computeFrames(below: completeFrames)
        }
    }

    /// Appends zeros, then computes the frames whose windows reach past the end, which mirror it.
    mutating func finish(tailPaddingSamples: Int) {
        let zeros = [Float](repeating: 0, count: min(tailPaddingSamples, Self.blockSamples))
        var remaining = tailPaddingSamples
        while remaining > 0 {
            let step = min(remaining, zeros.count)
            zeros.withUnsafeBufferPointer { append(.init(rebasing: $0[..<step])) }
            remaining -= step
        }
        computeFrames(below: configuration.frameCount(ofSamples: sampleCount))
    }

    mutating func discardFrames(before frame: Int) {
        frames.discard(before: frame)
    }

    /// Frames all of whose samples are there.
    private var completeFrames: Int {
        let beyond = sampleCount - configuration.lastSample(ofFrame: 0) - 1
        return beyond < 0 ? 0 : beyond / configuration.frameShiftSamples + 1
    }

    private mutating func forgetSamples() {
        // One more than the next frame spans: the mirror image of an odd window's last sample.
        let needed = configuration.firstSample(ofFrame: frames.end) - 1
        let forgotten = min(needed - historyStart, history.count)
        if forgotten > 0 {
            history.removeFirst(forgotten)
            historyStart += forgotten
        }
    }

    private mutating func computeFrames(below end: Int) {
        guard end > frames.end else { return }
        configuration.tables.withComputer { computer in
            for frame in frames.end..<end { computeFrame(frame, computer) }
        }
    }

    private mutating func computeFrame(_ frame: Int, _ computer: FrameComputer) {
        let first = configuration.firstSample(ofFrame: frame)
        let last = configuration.lastSample(ofFrame: frame)
        if first < 0 || last >= sampleCount {
            mirroredWindow(from: first).withUnsafeBufferPointer { window in
                frames.append { computer.compute(window, into: $0) }
            }
        } else {
            history.withUnsafeBufferPointer { history in
                let window = history[(first - historyStart)...(last - historyStart)]
                frames.append { computer.compute(.init(rebasing: window), into: $0) }
            }
        }
    }

    /// A window that reaches past an edge of the audio, of which a stream has few. Sample -1 is sample
    /// 0, -2 is 1, and likewise at the end, as often as audio shorter than a window needs.
    private func mirroredWindow(from first: Int) -> [Float] {
        (0..<configuration.frameLengthSamples).map { offset in
            var sample = first + offset
            while sample < 0 || sample >= sampleCount {
                sample = sample < 0 ? -1 - sample : 2 * sampleCount - 1 - sample
            }
            return history[sample - historyStart]
        }
    }
}
