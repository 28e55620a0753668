/// One stream's way from bytes to feature frames.
///
///     header --WAV header--> samples --declared size reached--> ignoring
///     header --other bytes--> samples
///     any --malformed WAV or failed library--> failed
///     any --finish--> finished
///
/// The bytes are 16-bit little-endian samples of one channel, with or without a WAV header; cut
/// anywhere, they give bitwise the same frames. Bytes after the size that a WAV header declares are
/// other chunks, and ignored. Samples are scaled to -1...1, brought to the model's rate where it is
/// another, and turned into a Kaldi filterbank (`FilterbankConfiguration`).
///
/// Frames are numbered from the start of the stream and held until they are discarded. Not
/// `Sendable`: one owner at a time.
public final class AudioFrontend {
    private enum State {
        case header(WAVHeaderParser)
        /// `remainingBytes`: what the header declared and has not come; nil when unbounded.
        case samples(remainingBytes: Int?)
        case ignoring
        case failed(AudioError)
        case finished
    }

    private static let blockSamples = FilterbankStream.blockSamples
    private static let scale: Float = 1 / 32_768

    /// The client's rate, in hertz.
    public let sampleRateHertz: Int
    public let filterbank: FilterbankConfiguration
    /// Whole samples received, at the client's rate.
    public private(set) var receivedSamples = 0
    private var state = State.header(WAVHeaderParser())
    // The first half of a sample whose second half has not come.
    private var pendingByte: UInt8?
    private let resampler: Resampler?
    private(set) var features: FilterbankStream

    /// - Parameter sampleRateHertz: the client's rate, any of
    ///   `LinearPCMFormat.supportedSampleRatesHertz`.
    /// - Throws: `unsupportedSampleRate` or `resamplerFailed`.
    public init(
        sampleRateHertz: Int,
        filterbank: FilterbankConfiguration
    ) throws(AudioError) {
        try LinearPCMFormat(sampleRateHertz: sampleRateHertz).checkSupported()
        self.sampleRateHertz = sampleRateHertz
        self.filterbank = filterbank
        resampler =
            sampleRateHertz == filterbank.sampleRateHertz
            ? nil : try Resampler(fromHertz: sampleRateHertz, toHertz: filterbank.sampleRateHertz)
        features = FilterbankStream(configuration: filterbank)
    }

    /// Takes the next bytes of the stream.
    ///
    /// - Throws: what `WAVHeaderParser.consume` and `LinearPCMFormat.checkSupported` throw,
    ///   `sampleRateMismatch` or `resamplerFailed`; then, and ever after, the same error again.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(AudioError) {
        do throws(AudioError) {
            switch state {
            case .header(var parser):
                let taken = try parser.consume(bytes)
                state = .header(parser)
                try leaveHeader(parser)
                if parser.outcome != .incomplete {
                    try append(UnsafeRawBufferPointer(rebasing: bytes[taken...]))
                }
            case .samples(let remainingBytes?):
                let step = min(remainingBytes, bytes.count)
                try decode(UnsafeRawBufferPointer(rebasing: bytes[..<step]))
                state =
                    step == remainingBytes
                    ? .ignoring : .samples(remainingBytes: remainingBytes - step)
            case .samples(nil):
                try decode(bytes)
            case .ignoring:
                break
            case .failed(let error):
                throw error
            case .finished:
                preconditionFailure("audio appended to a finished stream")
            }
        } catch {
            state = .failed(error)
            throw error
        }
    }

    /// Ends the audio: what the resampler holds back is let go, zeros are appended, and the frames
    /// whose windows reach past the end are computed.
    ///
    /// - Parameter tailPaddingSamples: zeros to append, at the model's rate; the configuration's
    ///   unless given.
    /// - Throws: `trailingByte`, but only after all frames are there; `truncatedWAVHeader`, or the
    ///   error that `append` threw, without any.
    public func finish(tailPaddingSamples: Int? = nil) throws(AudioError) {
        switch state {
        case .failed(let error):
            throw error
        case .finished:
            return
        case .header(let parser):
            guard parser.isUndecided else {
                let error = AudioError.truncatedWAVHeader(byteOffset: parser.byteOffset)
                state = .failed(error)
                throw error
            }
            // Too short for a WAV header: a few samples that begin like one.
            try decode(parser.heldBytes)
        case .samples, .ignoring:
            break
        }
        state = .finished
        try resampler?.finish { features.append($0) }
        features.finish(
            tailPaddingSamples: tailPaddingSamples ?? filterbank.tailPaddingSamples
        )
        if pendingByte != nil { throw .trailingByte(wholeSamples: receivedSamples) }
    }
}

extension AudioFrontend {
    /// The audio received, at the client's rate.
    public var receivedDuration: Duration {
        let (seconds, samples) = receivedSamples.quotientAndRemainder(dividingBy: sampleRateHertz)
        return .seconds(seconds)
            + .nanoseconds((samples * 1_000_000_000 + sampleRateHertz / 2) / sampleRateHertz)
    }

    /// Samples that have reached the filterbank, at the model's rate, padding included. Behind the
    /// samples received by what the resampler holds back.
    public var filterbankSamples: Int { features.sampleCount }

    /// One past the last frame that is available, counted from the start of the stream.
    public var frameCount: Int { features.frameCount }

    /// The first frame that has not been discarded.
    public var firstFrame: Int { features.firstFrame }

    /// Copies frames, row-major `[frames.count, melBins]`.
    ///
    /// The frames must be available and not discarded, and `destination` large enough.
    public func copyFrames(_ frames: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>)
    {
        features.copy(frames, to: destination)
    }

    /// How loud frames are: the mean of their log-mel energies, natural logarithm.
    ///
    /// The frames must be available and not discarded; at least one.
    public func meanLogEnergy(ofFrames frames: Range<Int>) -> Float {
        features.mean(of: frames)
    }

    /// Gives up the frames before `frame`.
    public func discardFrames(before frame: Int) {
        features.discardFrames(before: frame)
    }
}

extension AudioFrontend {
    private func leaveHeader(_ parser: WAVHeaderParser) throws(AudioError) {
        switch parser.outcome {
        case .incomplete:
            break
        case .raw:
            state = .samples(remainingBytes: nil)
            try decode(parser.heldBytes)
        case .wav(let header):
            try header.format.checkSupported()
            guard header.format.sampleRateHertz == sampleRateHertz else {
                throw .sampleRateMismatch(
                    headerHertz: header.format.sampleRateHertz,
                    streamHertz: sampleRateHertz
                )
            }
            state = .samples(remainingBytes: header.dataByteCount)
        }
    }

    private func decode(_ bytes: [UInt8]) throws(AudioError) {
        try bytes.withUnsafeBufferPointer { bytes throws(AudioError) in
            try decode(UnsafeRawBufferPointer(bytes))
        }
    }

    private func decode(_ bytes: UnsafeRawBufferPointer) throws(AudioError) {
        var failure: AudioError?
        // On the stack: nothing of it is needed when the samples have been passed on.
        withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.blockSamples) { block in
            do throws(AudioError) {
                try decode(bytes, through: block)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// - Parameter block: room for `blockSamples` samples.
    private func decode(
        _ bytes: UnsafeRawBufferPointer,
        through block: UnsafeMutableBufferPointer<Float>
    ) throws(AudioError) {
        var rest = bytes[...]
        if let low = pendingByte, let high = rest.popFirst() {
            pendingByte = nil
            block.initializeElement(
                at: 0,
                to: Float(Int16(bitPattern: UInt16(high) << 8 | UInt16(low))) * Self.scale
            )
            try pass(UnsafeBufferPointer(rebasing: block[..<1]))
        }
        while rest.count >= 2 {
            let count = min(rest.count / 2, Self.blockSamples)
            Self.fill(block, with: UnsafeRawBufferPointer(rebasing: rest.prefix(count * 2)))
            rest = rest.dropFirst(count * 2)
            try pass(UnsafeBufferPointer(rebasing: block[..<count]))
        }
        if let low = rest.first { pendingByte = low }
    }

    private static func fill(
        _ block: UnsafeMutableBufferPointer<Float>,
        with bytes: UnsafeRawBufferPointer
    ) {
        // Unchecked loads, or the loop would not be vectorised; the caller's count bounds both.
        guard let start = bytes.baseAddress, let target = block.baseAddress else { return }
        for index in 0..<(bytes.count / 2) {
            let sample = (start + index * 2).loadUnaligned(as: Int16.self)
            (target + index).initialize(to: Float(Int16(littleEndian: sample)) * scale)
        }
    }

    private func pass(_ samples: UnsafeBufferPointer<Float>) throws(AudioError) {
        receivedSamples += samples.count
        if let resampler {
            try resampler.append(samples) { features.append($0) }
        } else {
            features.append(samples)
        }
    }
}
