/// What a WAV stream says before its first sample.
public struct WAVHeader: Sendable, Hashable {
    public var format: LinearPCMFormat
    /// Bytes of samples that follow the header, as declared; nil when the writer did not know
    /// (it was streaming) and the samples go on to the end.
    public var dataByteCount: Int?
    /// Bytes before the first sample.
    public var headerByteCount: Int

    public init(format: LinearPCMFormat, dataByteCount: Int?, headerByteCount: Int) {
        self.format = format
        self.dataByteCount = dataByteCount
        self.headerByteCount = headerByteCount
    }
}
