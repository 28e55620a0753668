extension YAMLValue {
    /// A span of time: `250ms`, `1.5s`, `2m`, `4h`, or a plain number of seconds.
    public func duration(in range: ClosedRange<Duration>) throws(YAMLError) -> Duration {
        let expected =
            "a duration from \(range.lowerBound.written) to \(range.upperBound.written)"
            + " (such as 250ms, 1.5s, 2m, 4h)"
        guard case .scalar(let text, _) = node.content, let duration = Duration(written: text),
            range.contains(duration)
        else {
            throw error("expected \(expected), found \(node.found)")
        }
        return duration
    }
}

extension Duration {
    /// Reads `250ms`, `1.5s`, `2m`, `4h` or a number of seconds, exactly: a decimal number of at
    /// most six decimal places and one of these units. Nil for anything else.
    public init?(written text: String) {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let nanosecondsPerUnit: Int64
        switch text[number.endIndex...] {
        case "us": nanosecondsPerUnit = 1_000
        case "ms": nanosecondsPerUnit = 1_000_000
        case "", "s": nanosecondsPerUnit = 1_000_000_000
        case "m": nanosecondsPerUnit = 60_000_000_000
        case "h": nanosecondsPerUnit = 3_600_000_000_000
        default: return nil
        }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = Int64(parts[0]) else { return nil }
        var (nanoseconds, overflow) = whole.multipliedReportingOverflow(by: nanosecondsPerUnit)
        if parts.count == 2 {
            // Six digits of an hour's nanoseconds stay within 64 bits.
            guard (1...6).contains(parts[1].count), var fraction = Int64(parts[1]) else {
                return nil
            }
            fraction *= nanosecondsPerUnit
            for _ in parts[1] { fraction /= 10 }
            let sum = nanoseconds.addingReportingOverflow(fraction)
            (nanoseconds, overflow) = (sum.partialValue, overflow || sum.overflow)
        }
        guard !overflow else { return nil }
        self = .nanoseconds(nanoseconds)
    }

    /// The duration as a configuration would have it: `250ms`, `30s`, `4h`.
    public var written: String {
        let (seconds, attoseconds) = components
        let nanoseconds = attoseconds / 1_000_000_000
        if nanoseconds == 0 {
            if seconds != 0, seconds % 3600 == 0 { return "\(seconds / 3600)h" }
            if seconds != 0, seconds % 60 == 0 { return "\(seconds / 60)m" }
            return "\(seconds)s"
        }
        if seconds == 0 {
            return nanoseconds % 1_000_000 == 0
                ? "\(nanoseconds / 1_000_000)ms" : "\(nanoseconds / 1_000)us"
        }
        return nanoseconds % 1_000_000 == 0
            ? "\(seconds * 1000 + nanoseconds / 1_000_000)ms" : "\(self)"
    }
}
