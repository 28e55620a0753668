extension StringProtocol {
    /// Whether the text is ASCII letters, digits, dots, underscores and hyphens, at least one.
    package var isName: Bool {
        !isEmpty
            && unicodeScalars.allSatisfy { scalar in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-": true
                default: false
                }
            }
    }
}

extension String {
    /// The candidate that a slip of the fingers most likely meant, if one is close enough.
    func closest(among candidates: [String]) -> String? {
        // A third of the letters may differ; longer words than any key are not worth measuring.
        guard utf8.count <= 64 else { return nil }
        let allowed = Swift.max(1, utf8.count / 3)
        let measured = candidates.map { (word: $0, distance: editDistance(to: $0)) }
        guard let best = measured.min(by: { $0.distance < $1.distance }), best.distance <= allowed
        else { return nil }
        return best.word
    }

    /// Insertions, deletions, substitutions and swaps of neighbours that turn one text into the
    /// other (optimal string alignment), over UTF-8 bytes.
    private func editDistance(to other: String) -> Int {
        let (left, right) = (Array(utf8), Array(other.utf8))
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let same = left[row] == right[column]
                var distance = Swift.min(
                    previous[column + 1] + 1,
                    current[column] + 1,
                    previous[column] + (same ? 0 : 1)
                )
                if row > 0, column > 0, left[row] == right[column - 1],
                    left[row - 1] == right[column]
                {
                    distance = Swift.min(distance, beforePrevious[column - 1] + 1)
                }
                current.append(distance)
            }
            (beforePrevious, previous) = (previous, current)
        }
        return previous[right.count]
    }
}
