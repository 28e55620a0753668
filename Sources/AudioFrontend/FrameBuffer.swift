/// Frames computed and not yet discarded, by their place in the stream.
struct FrameBuffer {
    /// Room kept when everything has been discarded, so that a large message's is given back.
    private static let retainedFrames = 256

    let bins: Int
    /// The first frame held.
    private(set) var first = 0
    /// One past the last frame computed.
    private(set) var end = 0
    // Row-major; rows before `first` are dead until the next compaction.
    private var values: [Float] = []
    private var deadRows = 0

    init(bins: Int) {
        self.bins = bins
    }

    /// Appends frames, their values, row-major, by `body`.
    mutating func append(_ count: Int, _ body: (UnsafeMutableBufferPointer<Float>) -> Void) {
        // Moving the live rows down, where that suffices, instead of growing.
        if deadRows > end - first, values.count + count * bins > values.capacity {
            values.removeSubrange(0..<(deadRows * bins))
            deadRows = 0
        }
        let start = values.count
        values.append(contentsOf: repeatElement(0, count: count * bins))
        values.withUnsafeMutableBufferPointer { body(.init(rebasing: $0[start...])) }
        end += count
    }

    /// Copies rows of `bins` values. The frames must be held.
    func copy(_ frames: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>) {
        let range = place(of: frames)
        precondition(destination.count >= range.count, "the destination is too small")
        values.withUnsafeBufferPointer {
            _ = destination.update(fromContentsOf: $0[range])
        }
    }

    /// The mean of all values of some frames, at least one. The frames must be held.
    func mean(of frames: Range<Int>) -> Float {
        let range = place(of: frames)
        precondition(!range.isEmpty, "no frames have no mean")
        return values.withUnsafeBufferPointer { values in
            values[range].reduce(0, +) / Float(range.count)
        }
    }

    private func place(of frames: Range<Int>) -> Range<Int> {
        precondition(
            frames.lowerBound >= first && frames.upperBound <= end,
            "frames \(frames) are not among those held, \(first)..<\(end)"
        )
        let start = (frames.lowerBound - first + deadRows) * bins
        return start..<start + frames.count * bins
    }

    mutating func discard(before frame: Int) {
        let kept = min(max(frame, first), end)
        deadRows += kept - first
        first = kept
        if first == end {
            values.removeAll(keepingCapacity: values.capacity <= Self.retainedFrames * bins)
            deadRows = 0
        }
    }
}
