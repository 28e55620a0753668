internal import Foundation

/// How figures are written in a report, for people.
enum ReportFormat {
    private static let locale = Locale(identifier: "en_GB")

    /// With so many digits after the point, and thousands apart.
    static func number(_ value: Double, _ digits: Int = 0) -> String {
        value.formatted(
            .number.precision(.fractionLength(digits)).grouping(.automatic).locale(locale)
        )
    }

    static func number(_ value: Int) -> String { number(Double(value)) }

    /// Three digits that count, as in 8.31, 83.1 and 831.
    static func milliseconds(_ value: Double?) -> String {
        guard let value else { return "–" }
        return number(value, value < 10 ? 2 : value < 100 ? 1 : 0)
    }

    /// With the unit that suits.
    static func latency(_ milliseconds: Double?) -> String {
        guard let milliseconds else { return "–" }
        return milliseconds < 9999.5
            ? "\(self.milliseconds(milliseconds)) ms" : "\(number(milliseconds / 1000, 1)) s"
    }

    /// Beside an axis that ends at `maximum`.
    static func axisLatency(_ milliseconds: Double, upTo maximum: Double) -> String {
        maximum < 1000
            ? "\(number(milliseconds, maximum < 10 ? 1 : 0)) ms"
            : "\(number(milliseconds / 1000, maximum < 10_000 ? 1 : 0)) s"
    }

    static func bytes(_ count: Int) -> String {
        let value = Double(count)
        if value < 10 * 1024 { return "\(number(value)) B" }
        if value < 10 * 1_048_576 { return "\(number(value / 1024, 1)) KiB" }
        if value < 10 * 1_073_741_824 { return "\(number(value / 1_048_576)) MiB" }
        return "\(number(value / 1_073_741_824, 1)) GiB"
    }

    static func percent(_ share: Double) -> String { "\(number(share * 100, 2))%" }

    static func duration(_ seconds: Double) -> String {
        seconds < 120
            ? "\(number(seconds, seconds < 10 ? 1 : 0)) s"
            : "\(number((seconds / 60).rounded(.down))) min "
                + "\(number(seconds.truncatingRemainder(dividingBy: 60))) s"
    }
}
