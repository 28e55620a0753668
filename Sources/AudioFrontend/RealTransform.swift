internal import CKissFFT

/// The Fourier transform of real samples, by KissFFT: of as many signals at once as a vector has
/// lanes, none of which depends on another.
///
/// A transform is never changed, so that any number of threads may use it.
// Unchecked because the library's plan is read only.
final class RealTransform: @unchecked Sendable {
    /// One value of each signal.
    typealias Lanes = SIMD8<Float>

    let length: Int
    // Made by the library, and given back to it when this object goes.
    private let plan: OpaquePointer

    /// - Parameter length: a power of two, at least 4.
    init(length: Int) {
        precondition(length >= 4 && length & (length - 1) == 0 && Lanes.scalarCount == 8)
        self.length = length
        plan = ckissfft_create(length)
    }

    deinit { ckissfft_destroy(plan) }

    /// - Parameters:
    ///   - samples: `length` of them.
    ///   - spectrum: receives `length / 2` bins, the real part and the imaginary part of each in
    ///     turn. The first bin's imaginary part is the real part at the Nyquist frequency.
    func transform(
        _ samples: UnsafeMutableBufferPointer<Lanes>,
        into spectrum: UnsafeMutableBufferPointer<Lanes>
    ) {
        precondition(samples.count == length && spectrum.count == length)
        samples.withMemoryRebound(to: Float.self) { samples in
            spectrum.withMemoryRebound(to: Float.self) { spectrum in
                guard let samples = samples.baseAddress, let spectrum = spectrum.baseAddress
                else { return }
                ckissfft_run(plan, samples, spectrum)
            }
        }
    }
}
