/// How a recording is cut into messages of one length, the last of which may be shorter.
public struct MessageCut: Sendable, Equatable {
    public let sampleCount: Int
    public let sampleRateHertz: Int
    public let samplesPerMessage: Int

    public init(sampleCount: Int, sampleRateHertz: Int, messageMilliseconds: Int) {
        precondition(sampleRateHertz > 0 && messageMilliseconds > 0, "audio has a rate")
        self.sampleCount = sampleCount
        self.sampleRateHertz = sampleRateHertz
        samplesPerMessage = max(1, sampleRateHertz * messageMilliseconds / 1000)
    }

    public var messageCount: Int { (sampleCount + samplesPerMessage - 1) / samplesPerMessage }

    public func samples(ofMessage index: Int) -> Range<Int> {
        let start = index * samplesPerMessage
        return start..<min(start + samplesPerMessage, sampleCount)
    }

    /// When the last sample of a message has been spoken, from the beginning of the audio.
    public func end(ofMessage index: Int) -> Duration {
        duration(ofSamples: samples(ofMessage: index).upperBound)
    }

    public func duration(ofSamples count: Int) -> Duration {
        .nanoseconds(Int64(count) * 1_000_000_000 / Int64(sampleRateHertz))
    }

    /// The message that holds the last of the first `nanoseconds` of the audio; nil when that is the
    /// end of the audio or beyond.
    public func message(holdingEndOf nanoseconds: Int64) -> Int? {
        // Times in results are rounded to the nanosecond, so this is rounded to the sample. What
        // would overflow is beyond any recording's end.
        let (product, overflows) = nanoseconds.multipliedReportingOverflow(
            by: Int64(sampleRateHertz)
        )
        let samples = (Double(product) / 1e9).rounded()
        guard !overflows, samples < Double(sampleCount) else { return nil }
        return max(0, Int(samples) - 1) / samplesPerMessage
    }
}
