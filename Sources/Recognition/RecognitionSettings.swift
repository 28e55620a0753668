/// What a client said about its audio and wants to have.
public struct RecognitionSettings: Sendable, Equatable {
    /// Rates of audio that are taken.
    public static let sampleRatesHertz = 8000...48000

    /// Rate of the client's audio, within ``sampleRatesHertz``.
    public var sampleRateHertz: Int
    public var wantsInterimResults: Bool
    public var wantsWordTimes: Bool
    public var wantsWordConfidence: Bool
    public var wantsTokens: Bool

    public init(
        sampleRateHertz: Int,
        wantsInterimResults: Bool,
        wantsWordTimes: Bool,
        wantsWordConfidence: Bool,
        wantsTokens: Bool
    ) {
        self.sampleRateHertz = sampleRateHertz
        self.wantsInterimResults = wantsInterimResults
        self.wantsWordTimes = wantsWordTimes
        self.wantsWordConfidence = wantsWordConfidence
        self.wantsTokens = wantsTokens
    }
}
