internal import CKissFFT
private import Glibc

/// The Fourier transform of real samples, by KissFFT.
///
/// KissFFT keeps its working space beside its factors, so each stream has a transform of its own.
final class RealTransform {
    let length: Int
    // Allocated by the C library, used by this object alone and freed by it.
    private let plan: kiss_fftr_cfg

    /// - Parameter length: a power of two.
    init(length: Int) {
        self.length = length
        guard let plan = kiss_fftr_alloc(Int32(length), 0, nil, nil) else {
            preconditionFailure("no memory for a transform of \(length) points")
        }
        self.plan = plan
    }

    deinit {
        // The header's kiss_fftr_free is a macro for this.
        free(UnsafeMutableRawPointer(plan))
    }

    /// Transforms `samples` (`length` of them) into `spectrum` (`length / 2 + 1` bins).
    func transform(_ samples: [Float], into spectrum: inout [kiss_fft_cpx]) {
        precondition(samples.count == length && spectrum.count == length / 2 + 1)
        kiss_fftr(plan, samples, &spectrum)
    }
}
