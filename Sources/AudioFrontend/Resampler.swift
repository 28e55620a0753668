internal import CSoxr

/// Converts one stream's sampling rate, by the SoX resampler library.
///
/// Linear phase, no delay between input and output. Flat to 90% of the lower rate's Nyquist
/// frequency and 16 bits (96 dB) down from 110% of it, so what folds back lands above nine tenths of
/// the band. Together with the smallest transform that the library has, this keeps the audio held
/// back to 6 to 13 ms; the library's default design would hold 37 ms at 48 kHz, 116 ms at 8 kHz.
/// The gentle slope matters for words too: a steep edge at 4 kHz leaves audio from 8 kHz with an
/// empty upper band, which models trained on wide-band speech do not know.
///
/// The library is fed blocks of one size, whatever the sizes appended, so its output cannot depend
/// on those.
package final class Resampler {
    /// Half a millisecond of input, which is all that feeding by blocks adds to the delay.
    private static let blocksPerSecond = 2_000
    private static let outputSamples = 1_024
    private static let passbandEnd = 0.9
    private static let precisionBits = 16.0
    // 2 to the power of 8 points: the least the library takes.
    private static let transformLog2: UInt32 = 8

    // Owned by this object: created by its initialiser, deleted with it, never handed out.
    private let stream: soxr_t
    private var block: [Float] = []
    private let blockSamples: Int
    private var output = [Float](repeating: 0, count: Resampler.outputSamples)

    /// - Throws: `resamplerFailed`.
    package init(fromHertz: Int, toHertz: Int) throws(AudioError) {
        var quality = soxr_quality_spec(UInt(SOXR_16_BITQ), 0)
        quality.precision = Self.precisionBits
        quality.passband_end = Self.passbandEnd
        quality.stopband_begin = 2 - Self.passbandEnd
        var runtime = soxr_runtime_spec(1)
        runtime.log2_min_dft_size = Self.transformLog2
        runtime.log2_large_dft_size = Self.transformLog2
        var failure: soxr_error_t?
        let stream = soxr_create(
            Double(fromHertz),
            Double(toHertz),
            1,
            &failure,
            nil,
            &quality,
            &runtime
        )
        guard let stream, failure == nil else {
            throw .resamplerFailed(failure.map { String(cString: $0) } ?? "no reason given")
        }
        self.stream = stream
        blockSamples = max(1, fromHertz / Self.blocksPerSecond)
        block.reserveCapacity(blockSamples)
    }

    deinit {
        soxr_delete(stream)
    }

    /// Takes samples in, and passes on those that are ready.
    package func append(
        _ samples: UnsafeBufferPointer<Float>,
        _ receive: (UnsafeBufferPointer<Float>) -> Void
    ) throws(AudioError) {
        var rest = samples[...]
        while !rest.isEmpty {
            let step = rest.prefix(blockSamples - block.count)
            rest = rest.dropFirst(step.count)
            block.append(contentsOf: step)
            if block.count == blockSamples {
                try feedBlock(receive)
            }
        }
    }

    /// Passes on everything held back. Nothing may be appended afterwards.
    package func finish(
        _ receive: (UnsafeBufferPointer<Float>) -> Void
    ) throws(AudioError) {
        try feedBlock(receive)
        // A missing input, unlike an empty one, tells the library that the stream has ended.
        while try process(nil, receive).produced > 0 {}
    }

    private func feedBlock(
        _ receive: (UnsafeBufferPointer<Float>) -> Void
    ) throws(AudioError) {
        try block.withUnsafeBufferPointer { block throws(AudioError) in
            var rest = block[...]
            while !rest.isEmpty {
                let step = try process(.init(rebasing: rest), receive)
                guard step.taken > 0 || step.produced > 0 else {
                    throw .resamplerFailed("it takes no more samples")
                }
                rest = rest.dropFirst(step.taken)
            }
        }
        block.removeAll(keepingCapacity: true)
    }

    private func process(
        _ input: UnsafeBufferPointer<Float>?,
        _ receive: (UnsafeBufferPointer<Float>) -> Void
    ) throws(AudioError) -> (taken: Int, produced: Int) {
        var taken = 0
        var produced = 0
        let failure = soxr_process(
            stream,
            input?.baseAddress,
            input?.count ?? 0,
            &taken,
            &output,
            output.count,
            &produced
        )
        if let failure { throw .resamplerFailed(String(cString: failure)) }
        if produced > 0 {
            output.withUnsafeBufferPointer { receive(.init(rebasing: $0[..<produced])) }
        }
        return (taken, produced)
    }
}
