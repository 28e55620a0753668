internal import Foundation

/// The axes of a plot and where in the drawing a value lies. Drawn as SVG, whose classes the page's
/// style sheet gives their colours.
struct PlotFrame {
    let width: Double
    let height: Double
    let xRange: ClosedRange<Double>
    let yRange: ClosedRange<Double>

    static let left = 64.0
    static let right = 14.0
    static let top = 12.0
    static let bottom = 34.0

    func x(_ value: Double) -> Double {
        Self.left + (width - Self.left - Self.right) * place(of: value, in: xRange)
    }

    func y(_ value: Double) -> Double {
        height - Self.bottom - (height - Self.top - Self.bottom) * place(of: value, in: yRange)
    }

    private func place(of value: Double, in range: ClosedRange<Double>) -> Double {
        let bounded = min(max(value, range.lowerBound), range.upperBound)
        let extent = range.upperBound - range.lowerBound
        return extent > 0 ? (bounded - range.lowerBound) / extent : 0
    }

    /// Round values that part a range into some `count` pieces, 0 included: 1, 2 or 5 times a power
    /// of ten apart.
    static func ticks(upTo maximum: Double, count: Int = 5) -> [Double] {
        guard maximum > 0 else { return [0, 1] }
        let raw = maximum / Double(count)
        let power = pow(10, log10(raw).rounded(.down))
        let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= raw * 0.999 } ?? 10 * power
        let steps = Int((maximum / step).rounded(.up))
        return (0...max(1, steps)).map { Double($0) * step }
    }

    /// A coordinate, to the tenth.
    static func written(_ coordinate: Double) -> String {
        let tenths = Int((coordinate * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(Double(tenths) / 10)"
    }

    func point(_ x: Double, _ y: Double) -> String {
        "\(Self.written(self.x(x))),\(Self.written(self.y(y)))"
    }

    /// The grid, and what stands at it.
    func axes(
        xTicks: [(value: Double, label: String)],
        yTicks: [(value: Double, label: String)],
        xTitle: String
    ) -> String {
        var parts: [String] = []
        for tick in yTicks {
            let y = Self.written(y(tick.value))
            let right = Self.written(width - Self.right)
            parts.append(
                #"<line class="grid" x1="\#(Int(Self.left))" x2="\#(right)" y1="\#(y)" y2="\#(y)"/>"#
            )
            parts.append(
                #"<text class="tick" x="\#(Int(Self.left) - 8)" y="\#(y)" dy="4" "#
                    + #"text-anchor="end">\#(tick.label)</text>"#
            )
        }
        let base = Self.written(height - Self.bottom + 16)
        for tick in xTicks {
            parts.append(
                #"<text class="tick" x="\#(Self.written(x(tick.value)))" y="\#(base)" "#
                    + #"text-anchor="middle">\#(tick.label)</text>"#
            )
        }
        parts.append(
            #"<text class="tick" x="\#(Self.written(width - Self.right))" "#
                + #"y="\#(Self.written(height - 3))" text-anchor="end">\#(xTitle)</text>"#
        )
        return parts.joined(separator: "\n")
    }

    /// The drawing, as wide as its place lets it be.
    func svg(label: String, _ parts: [String]) -> String {
        """
        <svg viewBox="0 0 \(Int(width)) \(Int(height))" role="img" aria-label="\(label)">
        \(parts.joined(separator: "\n"))
        </svg>
        """
    }

    /// A line through points, broken where one is missing. A point by itself is a dot.
    func line(_ points: [(x: Double, y: Double)?], class name: String) -> String {
        let runs = points.split { $0 == nil }.map { run in
            run.compactMap { $0 }.map { point($0.x, $0.y) }
        }
        let paths = runs.filter { $0.count > 1 }.map { "M" + $0.joined(separator: "L") }
        let dots = runs.filter { $0.count == 1 }.flatMap { $0 }.map { point in
            let place = point.split(separator: ",")
            return #"<circle class="\#(name)" cx="\#(place[0])" cy="\#(place[1])" r="3"/>"#
        }
        let path = paths.isEmpty ? [] : [#"<path class="\#(name)" d="\#(paths.joined())"/>"#]
        return (path + dots).joined(separator: "\n")
    }

    /// The area between two lines, broken where a point is missing.
    func band(_ points: [(x: Double, low: Double, high: Double)?], class name: String) -> String {
        let paths = points.split { $0 == nil }.map { run in
            let run = run.compactMap { $0 }
            guard run.count > 1 else { return "" }
            let there = run.map { point($0.x, $0.high) }
            let back = run.reversed().map { point($0.x, $0.low) }
            return "M" + (there + back).joined(separator: "L") + "Z"
        }
        let joined = paths.joined()
        return joined.isEmpty ? "" : #"<path class="\#(name)" d="\#(joined)"/>"#
    }

    func bar(
        from left: Double,
        to right: Double,
        height value: Double,
        class name: String,
        gap: Double = 0
    ) -> String {
        let (x0, x1) = (x(left) + gap / 2, x(right) - gap / 2)
        let top = y(value)
        let barHeight = Self.written(max(0, y(yRange.lowerBound) - top))
        return #"<rect class="\#(name)" x="\#(Self.written(x0))" y="\#(Self.written(top))" "#
            + #"width="\#(Self.written(max(0.5, x1 - x0)))" height="\#(barHeight)"/>"#
    }

    /// What is shown of a stretch of the x axis when it is pointed at.
    func hint(from left: Double, to right: Double, _ text: String) -> String {
        let (x0, x1) = (x(left), x(right))
        return #"<rect class="hint" x="\#(Self.written(x0))" y="\#(Int(Self.top))" "#
            + #"width="\#(Self.written(max(1, x1 - x0)))" "#
            + #"height="\#(Self.written(height - Self.top - Self.bottom))">"#
            + "<title>\(text)</title></rect>"
    }
}
