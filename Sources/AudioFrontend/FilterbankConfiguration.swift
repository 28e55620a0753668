/// A model's Kaldi filterbank, with the fields of model.yaml's `frontend`.
///
/// The features are those of Kaldi's `compute-fbank-feats` with `--snip-edges=false --dither=0
/// --use-energy=false`: for every shift a window centred on it, its mean removed, pre-emphasised,
/// weighted by Povey's window, its power spectrum summed by triangular mel filters, and the natural
/// logarithm of the sums, floored at the float epsilon. Samples are within -1...1.
public struct FilterbankConfiguration: Sendable {
    public static let maximumSampleRateHertz = 192_000
    public static let maximumMelBins = 512
    public static let maximumFrameLengthMilliseconds = 1_000
    public static let maximumTailPaddingSeconds = 10

    public let sampleRateHertz: Int
    public let melBins: Int
    public let frameLengthMilliseconds: Int
    public let frameShiftMilliseconds: Int
    public let lowFrequencyHertz: Double
    /// Zero or less: counted from the Nyquist frequency.
    public let highFrequencyHertz: Double
    public let preemphasis: Double
    /// Zeros appended when the audio ends, at `sampleRateHertz`.
    public let tailPaddingSamples: Int

    // Window and filters, computed once and shared by the streams of every copy.
    let tables: FilterbankTables

    /// - Throws: `invalidFilterbank`, naming the field.
    public init(
        sampleRateHertz: Int = 16_000,
        melBins: Int = 80,
        frameLengthMilliseconds: Int = 25,
        frameShiftMilliseconds: Int = 10,
        lowFrequencyHertz: Double = 20,
        highFrequencyHertz: Double = -400,
        preemphasis: Double = 0.97,
        tailPaddingSamples: Int = 10_560
    ) throws(AudioError) {
        func require(_ holds: Bool, _ field: String, _ reason: String) throws(AudioError) {
            guard holds else { throw .invalidFilterbank(field: field, reason: reason) }
        }
        func requireWithin(
            _ value: Int,
            _ range: ClosedRange<Int>,
            _ field: String
        ) throws(AudioError) {
            try require(
                range.contains(value),
                field,
                "\(value) is not within \(range.lowerBound) to \(range.upperBound)"
            )
        }
        try requireWithin(sampleRateHertz, 1_000...Self.maximumSampleRateHertz, "sample_rate_hertz")
        try requireWithin(melBins, 3...Self.maximumMelBins, "mel_bins")
        try requireWithin(
            frameLengthMilliseconds,
            2...Self.maximumFrameLengthMilliseconds,
            "frame_length_ms"
        )
        try requireWithin(frameShiftMilliseconds, 1...frameLengthMilliseconds, "frame_shift_ms")
        let nyquistHertz = Double(sampleRateHertz) / 2
        try require(
            lowFrequencyHertz >= 0 && lowFrequencyHertz < nyquistHertz,
            "low_frequency_hertz",
            "\(lowFrequencyHertz) is not at least 0 and below the Nyquist frequency \(nyquistHertz)"
        )
        let highHertz =
            highFrequencyHertz > 0 ? highFrequencyHertz : nyquistHertz + highFrequencyHertz
        try require(
            highHertz > lowFrequencyHertz && highHertz <= nyquistHertz,
            "high_frequency_hertz",
            """
            \(highFrequencyHertz) (\(highHertz) Hz) is not above low_frequency_hertz and at most \
            the Nyquist frequency \(nyquistHertz)
            """
        )
        try require(
            preemphasis >= 0 && preemphasis <= 1,
            "preemphasis",
            "\(preemphasis) is not within 0 to 1"
        )
        try requireWithin(
            tailPaddingSamples,
            0...(Self.maximumTailPaddingSeconds * sampleRateHertz),
            "tail_padding_samples"
        )

        self.sampleRateHertz = sampleRateHertz
        self.melBins = melBins
        self.frameLengthMilliseconds = frameLengthMilliseconds
        self.frameShiftMilliseconds = frameShiftMilliseconds
        self.lowFrequencyHertz = lowFrequencyHertz
        self.highFrequencyHertz = highFrequencyHertz
        self.preemphasis = preemphasis
        self.tailPaddingSamples = tailPaddingSamples
        tables = try FilterbankTables(
            sampleRateHertz: Float(sampleRateHertz),
            melBins: melBins,
            windowSamples: sampleRateHertz * frameLengthMilliseconds / 1_000,
            lowHertz: Float(lowFrequencyHertz),
            highHertz: Float(highHertz),
            preemphasis: Float(preemphasis)
        )
    }
}

extension FilterbankConfiguration {
    /// Samples a frame spans, at `sampleRateHertz`.
    public var frameLengthSamples: Int { sampleRateHertz * frameLengthMilliseconds / 1_000 }

    /// Samples from a frame's start to the next one's, at `sampleRateHertz`.
    public var frameShiftSamples: Int { sampleRateHertz * frameShiftMilliseconds / 1_000 }

    /// The first sample that a frame spans, at `sampleRateHertz`; before zero for the first frames,
    /// which mirror the start of the audio.
    public func firstSample(ofFrame frame: Int) -> Int {
        frame * frameShiftSamples + frameShiftSamples / 2 - frameLengthSamples / 2
    }

    /// The last sample that a frame spans, at `sampleRateHertz`: the one that completes it.
    public func lastSample(ofFrame frame: Int) -> Int {
        firstSample(ofFrame: frame) + frameLengthSamples - 1
    }

    /// Frames that a whole recording has, its padding included.
    public func frameCount(ofSamples sampleCount: Int) -> Int {
        (sampleCount + frameShiftSamples / 2) / frameShiftSamples
    }
}

extension FilterbankConfiguration: Hashable {
    private var fields: [Double] {
        [
            Double(sampleRateHertz), Double(melBins), Double(frameLengthMilliseconds),
            Double(frameShiftMilliseconds), lowFrequencyHertz, highFrequencyHertz, preemphasis,
            Double(tailPaddingSamples),
        ]
    }

    public static func == (left: Self, right: Self) -> Bool { left.fields == right.fields }

    public func hash(into hasher: inout Hasher) { hasher.combine(fields) }
}
