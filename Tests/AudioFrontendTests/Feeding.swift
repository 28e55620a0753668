internal import AudioFrontend

/// A generator whose numbers depend on its seed alone (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension AudioFrontend {
    func append(_ bytes: ArraySlice<UInt8>) throws(AudioError) {
        try bytes.withUnsafeBufferPointer { bytes throws(AudioError) in
            try append(UnsafeRawBufferPointer(bytes))
        }
    }

    /// Feeds `bytes` in messages of the sizes that `nextSize` gives.
    func append(
        _ bytes: [UInt8],
        cutBy nextSize: () -> Int
    ) throws(AudioError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(nextSize())
            rest = rest.dropFirst(piece.count)
            try append(piece)
        }
    }

    /// All frames available, row-major.
    var allFrames: [Float] {
        let count = (frameCount - firstFrame) * filterbank.melBins
        return Array(unsafeUninitializedCapacity: count) { buffer, initialized in
            copyFrames(firstFrame..<frameCount, to: buffer)
            initialized = count
        }
    }
}

/// The frames of a whole recording.
func frames(
    of bytes: [UInt8],
    hertz: Int = 16_000,
    tail: Int = 0,
    cutBy nextSize: () -> Int = { .max }
) throws -> [Float] {
    let frontend = try AudioFrontend(sampleRateHertz: hertz, filterbank: FilterbankConfiguration())
    try frontend.append(bytes, cutBy: nextSize)
    try frontend.finish(tailPaddingSamples: tail)
    return frontend.allFrames
}

/// How far features are from a reference's.
struct Deviation: CustomStringConvertible {
    var values = 0
    var withinThousandth = 0
    var equal = 0
    var largest: Float = 0

    mutating func add(_ ours: [Float], _ theirs: [Float]) {
        for (a, b) in zip(ours, theirs) {
            let difference = abs(a - b)
            values += 1
            withinThousandth += difference <= 1e-3 ? 1 : 0
            equal += a == b ? 1 : 0
            // A NaN must not pass for a small difference.
            largest = difference <= largest ? largest : difference
        }
    }

    var share: Double { Double(withinThousandth) / Double(max(values, 1)) }

    var description: String {
        """
        \(values) values, \(share * 100)% within 1e-3, largest difference \(largest), \
        \(Double(equal) / Double(max(values, 1)) * 100)% equal
        """
    }
}
