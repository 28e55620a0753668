/// Uncompressed little-endian audio, as a WAV header describes it.
public struct LinearPCMFormat: Sendable, Hashable {
    /// The rates a stream may have, in hertz; any integer between them is served.
    public static let supportedSampleRatesHertz = 8_000...48_000

    public var sampleRateHertz: Int
    public var channelCount: Int
    public var bitsPerSample: Int

    public init(sampleRateHertz: Int, channelCount: Int = 1, bitsPerSample: Int = 16) {
        self.sampleRateHertz = sampleRateHertz
        self.channelCount = channelCount
        self.bitsPerSample = bitsPerSample
    }

    /// Whether `AudioFrontend` can take this format.
    ///
    /// - Throws: `unsupportedChannelCount`, `unsupportedBitsPerSample` or `unsupportedSampleRate`.
    public func checkSupported() throws(AudioError) {
        guard channelCount == 1 else { throw .unsupportedChannelCount(channelCount) }
        guard bitsPerSample == 16 else { throw .unsupportedBitsPerSample(bitsPerSample) }
        guard Self.supportedSampleRatesHertz.contains(sampleRateHertz) else {
            throw .unsupportedSampleRate(hertz: sampleRateHertz)
        }
    }
}
