/// What a final result says, less scores and confidences: those may differ in their last bits.
public struct FinalSegment: Sendable, Codable, Hashable {
    public struct Word: Sendable, Codable, Hashable {
        public var text: String
        public var startNanoseconds: Int64
        public var endNanoseconds: Int64

        public init(text: String, startNanoseconds: Int64, endNanoseconds: Int64) {
            self.text = text
            self.startNanoseconds = startNanoseconds
            self.endNanoseconds = endNanoseconds
        }
    }

    public struct Token: Sendable, Codable, Hashable {
        public var piece: String
        public var nanoseconds: Int64

        public init(piece: String, nanoseconds: Int64) {
            self.piece = piece
            self.nanoseconds = nanoseconds
        }
    }

    public var text: String
    /// Where the segment ends, from the beginning of the audio.
    public var endNanoseconds: Int64
    public var words: [Word]
    public var tokens: [Token]

    public init(text: String, endNanoseconds: Int64, words: [Word], tokens: [Token]) {
        self.text = text
        self.endNanoseconds = endNanoseconds
        self.words = words
        self.tokens = tokens
    }
}

/// The final results of one stream, in the order in which they came.
public struct StreamFinals: Sendable, Hashable {
    public private(set) var segments: [FinalSegment] = []
    /// Finals of audio that had been final before. They are not among the segments.
    public private(set) var repeatedCount = 0

    public init() {}

    public init(_ segments: [FinalSegment]) {
        for segment in segments { append(segment) }
    }

    public mutating func append(_ segment: FinalSegment) {
        if let last = segments.last,
            segment.endNanoseconds < last.endNanoseconds
                || segment.endNanoseconds == last.endNanoseconds && !segment.text.isEmpty
        {
            repeatedCount += 1
        } else {
            segments.append(segment)
        }
    }

    public var isEmpty: Bool { segments.isEmpty }

    /// The stream's text: the segments that have any, joined with spaces.
    public var text: String {
        segments.lazy.map(\.text).filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// What first differs from the expected finals; nil when nothing does.
    public func difference(from expected: StreamFinals) -> String? {
        for (index, (was, expects)) in zip(segments, expected.segments).enumerated()
        where was != expects {
            let place = "final \(index + 1)"
            if was.text != expects.text {
                return "\(place) reads \"\(was.text)\", alone it read \"\(expects.text)\""
            }
            if was.words != expects.words { return "\(place) has its words at other times" }
            if was.tokens != expects.tokens {
                return "\(place) has other tokens, or has them at other times"
            }
            return "\(place) ends at \(was.endNanoseconds) ns, not at \(expects.endNanoseconds)"
        }
        guard segments.count == expected.segments.count else {
            return "\(segments.count) finals came, alone there were \(expected.segments.count)"
        }
        return nil
    }
}
