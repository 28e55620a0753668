/// Words said, and how many were got wrong: substituted, left out or added.
public struct WordErrors: Sendable, Equatable {
    public private(set) var referenceCount = 0
    public private(set) var errorCount = 0

    public init() {}

    /// Words are compared without regard to case; they are parted by white space.
    public init(reference: String, recognised: String) {
        self.init(reference: Self.words(reference), recognised: Self.words(recognised))
    }

    /// The least number of words to change, take out or put in (Levenshtein's distance).
    public init(reference: [Substring], recognised: [Substring]) {
        var row = Array(0...recognised.count)
        for (index, word) in reference.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for (column, candidate) in recognised.enumerated() {
                let changed = diagonal + (word == candidate ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(changed, diagonal + 1, row[column] + 1)
            }
        }
        referenceCount = reference.count
        errorCount = row[recognised.count]
    }

    /// Errors for each word said; nil when nothing was.
    public var rate: Double? {
        referenceCount > 0 ? Double(errorCount) / Double(referenceCount) : nil
    }

    public static func += (left: inout WordErrors, right: WordErrors) {
        left.referenceCount += right.referenceCount
        left.errorCount += right.errorCount
    }

    private static func words(_ text: String) -> [Substring] {
        text.lowercased().split(whereSeparator: \.isWhitespace)
    }
}
