/// Why audio, or the description of it, was refused.
public enum AudioError: Error, Sendable, Hashable {
    /// A rate outside `LinearPCMFormat.supportedSampleRatesHertz`.
    case unsupportedSampleRate(hertz: Int)
    case unsupportedChannelCount(Int)
    case unsupportedBitsPerSample(Int)
    /// A WAV container of another kind than RIFF, by its four-letter name.
    case unsupportedWAVContainer(String)
    /// A WAV format tag that is not linear PCM; an extensible format's subtype stands for it.
    case unsupportedWAVFormat(tag: UInt16)
    /// The WAV header's rate is not the stream's.
    case sampleRateMismatch(headerHertz: Int, streamHertz: Int)
    /// A WAV header that breaks the format's rules, at `byteOffset` from the stream's start.
    case malformedWAVHeader(byteOffset: Int, reason: String)
    /// No samples within the first `limitBytes` bytes of a WAV stream.
    case wavHeaderTooLong(limitBytes: Int)
    /// The stream ended inside its WAV header, after `byteOffset` bytes.
    case truncatedWAVHeader(byteOffset: Int)
    /// The audio ended with half a sample. Every whole sample before it was processed.
    case trailingByte(wholeSamples: Int)
    /// A field of `FilterbankConfiguration`, named as model.yaml names it, has an impossible value.
    case invalidFilterbank(field: String, reason: String)
    /// The resampling library refused; its own words.
    case resamplerFailed(String)
}

extension AudioError: CustomStringConvertible {
    /// What is wrong, where, and what to do about it; one line.
    public var description: String {
        switch self {
        case .unsupportedSampleRate(let hertz):
            let rates = LinearPCMFormat.supportedSampleRatesHertz
            return """
                sample rate \(hertz) Hz is not supported; send audio at \
                \(rates.lowerBound) to \(rates.upperBound) Hz
                """
        case .unsupportedChannelCount(let count):
            return "audio has \(count) channels; send one channel"
        case .unsupportedBitsPerSample(let bits):
            return "audio has \(bits) bits a sample; send 16-bit samples"
        case .unsupportedWAVContainer(let name):
            return "WAV container \(name) is not supported; send a RIFF WAV file or bare samples"
        case .unsupportedWAVFormat(let tag):
            return """
                WAV format tag 0x\(String(tag, radix: 16)) is not linear PCM; \
                send 16-bit PCM (tag 0x1)
                """
        case .sampleRateMismatch(let headerHertz, let streamHertz):
            return """
                the WAV header says \(headerHertz) Hz but the stream was opened at \
                \(streamHertz) Hz; open it at the rate of the audio
                """
        case .malformedWAVHeader(let byteOffset, let reason):
            return """
                malformed WAV header at byte \(byteOffset): \(reason); \
                send a well-formed WAV file or bare samples
                """
        case .wavHeaderTooLong(let limitBytes):
            return """
                no samples within the first \(limitBytes) bytes of the WAV stream; \
                remove the chunks before the data
                """
        case .truncatedWAVHeader(let byteOffset):
            return """
                the stream ended inside its WAV header, after \(byteOffset) bytes; \
                send the whole file
                """
        case .trailingByte(let wholeSamples):
            return """
                the audio ended with half a sample after \(wholeSamples) whole 16-bit samples; \
                send an even number of bytes
                """
        case .invalidFilterbank(let field, let reason):
            return "frontend.\(field): \(reason)"
        case .resamplerFailed(let reason):
            return "the resampler failed: \(reason); open the stream again or at another rate"
        }
    }
}
