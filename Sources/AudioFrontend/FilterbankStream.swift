/// Samples at the model's rate in, in pieces of any size; filterbank frames out.
///
/// A frame is computed once, from its samples alone, together with its neighbours: when there are as
/// many as are computed at once, or when it is asked for. So the values cannot depend on how the
/// samples came. Of the samples only what the frames to be computed span is kept.
struct FilterbankStream {
    /// Samples taken in at a time.
    static let blockSamples = 1_024

    let configuration: FilterbankConfiguration
    private var frames: FrameBuffer
    /// Frames that are there to be had, one past the last: all of their samples are there.
    private(set) var frameCount = 0
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
            let beyond = sampleCount - configuration.lastSample(ofFrame: 0) - 1
            if beyond >= 0 { frameCount = beyond / configuration.frameShiftSamples + 1 }
            let pending = frameCount - frames.end
            computeFrames(
                below: frameCount - pending % FrameComputer.maximumFrames
            )
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
        computeFrames(below: frameCount)
        frameCount = configuration.frameCount(ofSamples: sampleCount)
        computeFrames(below: frameCount)
    }

    /// The first frame that has not been discarded.
    var firstFrame: Int { frames.first }

    /// Copies rows of ``FilterbankConfiguration/melBins`` values. The frames must be there to be had
    /// and not discarded.
    mutating func copy(_ frames: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>) {
        computeFrames(below: min(frames.upperBound, frameCount))
        self.frames.copy(frames, to: destination)
    }

    /// The mean of all values of some frames, at least one. The frames must be there to be had and
    /// not discarded.
    mutating func mean(of frames: Range<Int>) -> Float {
        computeFrames(below: min(frames.upperBound, frameCount))
        return self.frames.mean(of: frames)
    }

    mutating func discardFrames(before frame: Int) {
        computeFrames(below: min(frame, frameCount))
        frames.discard(before: frame)
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
            while frames.end < end { computeFrames(below: end, computer) }
        }
    }

    /// Computes the next frames below `end`, as many as are computed at once.
    private mutating func computeFrames(below end: Int, _ computer: FrameComputer) {
        let shift = configuration.frameShiftSamples
        let first = configuration.firstSample(ofFrame: frames.end)
        if first < 0 || configuration.lastSample(ofFrame: frames.end) >= sampleCount {
            mirroredWindow(from: first).withUnsafeBufferPointer { window in
                frames.append(1) { computer.compute(window, shift: shift, count: 1, into: $0) }
            }
            return
        }
        let whole = (sampleCount - 1 - configuration.lastSample(ofFrame: frames.end)) / shift + 1
        let count = min(end - frames.end, whole, FrameComputer.maximumFrames)
        let last = configuration.lastSample(ofFrame: frames.end + count - 1)
        history.withUnsafeBufferPointer { history in
            let signal = UnsafeBufferPointer(
                rebasing: history[(first - historyStart)...(last - historyStart)]
            )
            frames.append(count) {
                computer.compute(signal, shift: shift, count: count, into: $0)
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
