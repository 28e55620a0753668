// Elementwise functions over vectors of floats. Each lane is computed by the same operations
// whatever its neighbours hold, so that results do not depend on position. They are written without
// fused multiply-add, which the baseline instruction set lacks, and without a call per element.

/// A vector as wide as keeps the registers of the baseline instruction set busy.
typealias FloatVector = SIMD8<Float>

/// `x = k ln 2 + r` with `|r| <= ln 2 / 2`; gives `2^k` and `e^r - 1`.
///
/// The polynomial's coefficients minimise the largest relative error of `e^r - 1` (1.3e-8 before
/// rounding), fitted by iteratively reweighted least squares. Valid for `-87 <= x <= 88`.
@inline(__always)
private func reducedExponential(_ x: FloatVector) -> (scale: FloatVector, fraction: FloatVector) {
    // Adding 1.5 x 2^23 rounds to an integer and leaves it in the low bits of the significand.
    let rounder = FloatVector(repeating: 0x1.8p23)
    let shifted = x * 1.442_695_04 + rounder
    let k = shifted - rounder
    // ln 2 in two parts, the first with so few bits that its product with `k` is exact.
    let r = (x - k * 0.693_359_375) - k * -2.121_944_4e-4
    var q = r * 0.001_388_251 + 0.008_366_58
    q = q * r + 0.041_667_2
    q = q * r + 0.166_665_43
    q = q * r + 0.499_999_97
    let exponent =
        unsafeBitCast(shifted, to: SIMD8<UInt32>.self)
        &- SIMD8<UInt32>(repeating: rounder[0].bitPattern)
    let scale = unsafeBitCast((exponent &+ 127) &<< 23, to: FloatVector.self)
    return (scale, r + r * r * q)
}

/// `e^x` within 2 units in the last place for `x <= 0`; below -87 it stays at `e^-87`.
@inline(__always)
func exponential(ofNonPositive x: FloatVector) -> FloatVector {
    let clamped = x.replacing(with: -87, where: x .< -87)
    let (scale, fraction) = reducedExponential(clamped)
    return scale * fraction + scale
}

/// `tanh x = t / (t + 2)` with `t = e^2x - 1`; NaN stays NaN.
@inline(__always)
func hyperbolicTangent(_ x: FloatVector) -> FloatVector {
    var y = x + x
    // Beyond these the quotient is exactly 1 and -1. Comparisons leave NaN as it is.
    y.replace(with: 30, where: y .> 30)
    y.replace(with: -30, where: y .< -30)
    let (scale, fraction) = reducedExponential(y)
    let t = scale * fraction + (scale - 1)
    return t / (t + 2)
}

/// Replaces `count` floats, rounded up to whole vectors, by their hyperbolic tangents.
///
/// Relative error at most 2e-7, which is 4 units in the last place. The pointer is a workspace's,
/// which has room for the last vector.
package func applyHyperbolicTangent(_ values: UnsafeMutablePointer<Float>, count: Int) {
    let raw = UnsafeMutableRawPointer(values)
    let width = MemoryLayout<FloatVector>.size
    for offset in stride(from: 0, to: count * MemoryLayout<Float>.size, by: width) {
        let vector = raw.loadUnaligned(fromByteOffset: offset, as: FloatVector.self)
        raw.storeBytes(of: hyperbolicTangent(vector), toByteOffset: offset, as: FloatVector.self)
    }
}
