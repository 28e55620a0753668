internal import Foundation

/// The plots of a report's page, each an SVG drawing.
extension LoadReport {
    private static let width = 1060.0
    private static let half = 520.0

    private var endSecond: Double { Double(max(1, timeline.count * secondsPerMoment)) }

    private func middle(of moment: Moment) -> Double {
        Double(moment.second) + Double(secondsPerMoment) / 2
    }

    private func timeFrame(width: Double, height: Double, yMaximum: Double) -> PlotFrame {
        PlotFrame(width: width, height: height, xRange: 0...endSecond, yRange: 0...yMaximum)
    }

    private func timeAxes(
        _ frame: PlotFrame,
        yTicks: [Double],
        count: Int = 10,
        label: (Double) -> String
    ) -> String {
        let minutes = endSecond > 300
        let unit = minutes ? 60.0 : 1
        return frame.axes(
            xTicks: PlotFrame.ticks(upTo: endSecond / unit, count: count)
                .filter { $0 * unit <= endSecond }
                .map { ($0 * unit, ReportFormat.number($0, $0 == $0.rounded() ? 0 : 1)) },
            yTicks: yTicks.map { ($0, label($0)) },
            xTitle: minutes ? "minutes since the load began" : "seconds since the load began"
        )
    }

    /// Quantiles of each stretch of time: the median as a line, the others as bands above it.
    func latencyOverTime(_ quantiles: (Moment) -> Moment.Quantiles?, label: String) -> String {
        let moments = timeline.map { (moment: $0, quantiles: quantiles($0)) }
        let highest = moments.compactMap(\.quantiles?.p99).max() ?? 1
        let yTicks = PlotFrame.ticks(upTo: highest * 1.02)
        let frame = timeFrame(width: Self.width, height: 260, yMaximum: yTicks.last ?? 1)
        typealias Band = (x: Double, low: Double, high: Double)
        func band(_ low: (Moment.Quantiles) -> Double, _ high: (Moment.Quantiles) -> Double)
            -> [Band?]
        {
            moments.map { entry in
                entry.quantiles.map { (middle(of: entry.moment), low($0), high($0)) }
            }
        }
        func line(_ value: (Moment.Quantiles) -> Double) -> [(x: Double, y: Double)?] {
            moments.map { entry in
                entry.quantiles.map { (middle(of: entry.moment), value($0)) }
            }
        }
        var parts = [
            timeAxes(frame, yTicks: yTicks) {
                ReportFormat.axisLatency($0, upTo: yTicks.last ?? 1)
            },
            frame.band(band(\.p95, \.p99), class: "band99"),
            frame.band(band(\.p50, \.p95), class: "band95"),
            frame.line(line(\.p99), class: "line99"),
            frame.line(line(\.p95), class: "line95"),
            frame.line(line(\.p50), class: "line50"),
        ]
        parts += moments.compactMap { entry in
            entry.quantiles.map { values in
                frame.hint(
                    from: Double(entry.moment.second),
                    to: Double(entry.moment.second + secondsPerMoment),
                    "\(entry.moment.second) s: p50 \(ReportFormat.latency(values.p50)), "
                        + "p95 \(ReportFormat.latency(values.p95)), "
                        + "p99 \(ReportFormat.latency(values.p99)) "
                        + "of \(ReportFormat.number(values.count))"
                )
            }
        }
        return frame.svg(label: label, parts)
    }

    /// How many of the finals took how long, on a logarithmic axis.
    func finalHistogram() -> String {
        let bins = Self.bins(of: finalLatency)
        guard let first = bins.first, let last = bins.last else { return "" }
        let highest = bins.map(\.share).max() ?? 1
        let yTicks = PlotFrame.ticks(upTo: highest * 1.05, count: 4)
        let frame = PlotFrame(
            width: Self.half,
            height: 260,
            xRange: first.lower...last.upper,
            yRange: 0...(yTicks.last ?? 1)
        )
        let axisDigits = (yTicks.last ?? 1) < 0.1 ? 1 : 0
        var parts = [
            frame.axes(
                xTicks: Self.logarithmicTicks(first.lower...last.upper),
                yTicks: yTicks.map { ($0, "\(ReportFormat.number($0 * 100, axisDigits))%") },
                xTitle: "end of speech to final, ms"
            )
        ]
        for bin in bins where bin.share > 0 {
            parts.append(
                frame.bar(
                    from: bin.lower,
                    to: bin.upper,
                    height: bin.share,
                    class: "bar",
                    gap: 1.5
                )
            )
        }
        for bin in bins where bin.share > 0 {
            parts.append(
                frame.hint(
                    from: bin.lower,
                    to: bin.upper,
                    "\(ReportFormat.milliseconds(pow(10, bin.lower))) to "
                        + "\(ReportFormat.latency(pow(10, bin.upper))): "
                        + ReportFormat.percent(bin.share)
                )
            )
        }
        var labelledUpTo = -Double.infinity
        for (name, value) in [
            ("p50", finalLatency.p50), ("p95", finalLatency.p95), ("p99", finalLatency.p99),
        ] {
            guard let value, value > 0 else { continue }
            let x = frame.x(log10(value))
            let written = PlotFrame.written(x)
            parts.append(
                #"<line class="marker" x1="\#(written)" x2="\#(written)" y1="\#(Int(PlotFrame.top))" "#
                    + #"y2="\#(PlotFrame.written(frame.height - PlotFrame.bottom))"/>"#
            )
            // A label that would lie on the one before it goes below it.
            let isCrowded = x < labelledUpTo
            labelledUpTo = x + 30
            let isAtEdge = x > frame.width - PlotFrame.right - 26
            let place = PlotFrame.written(isAtEdge ? x - 4 : x + 4)
            parts.append(
                #"<text class="note" x="\#(place)" y="\#(Int(PlotFrame.top) + (isCrowded ? 24 : 10))" "#
                    + #"text-anchor="\#(isAtEdge ? "end" : "start")">\#(name)</text>"#
            )
        }
        return frame.svg(label: "How long finals took", parts)
    }

    /// Twenty-four bins or fewer, even on the logarithm of milliseconds.
    static func bins(
        of latency: Latency
    ) -> [(lower: Double, upper: Double, share: Double)] {
        let steps = latency.distribution.map {
            (place: log10(max($0.upperMilliseconds, 0.01)), count: $0.count)
        }
        guard let first = steps.first, let last = steps.last else { return [] }
        let lower = (first.place * 10).rounded(.down) / 10
        let upper = max(lower + 0.1, ((last.place + 1e-9) * 10).rounded(.up) / 10)
        let count = min(24, max(1, Int(((upper - lower) * 20).rounded())))
        let width = (upper - lower) / Double(count)
        var counts = [Int](repeating: 0, count: count)
        for step in steps {
            counts[min(count - 1, max(0, Int((step.place - lower) / width)))] += step.count
        }
        return counts.enumerated().map { index, inside in
            (
                lower + Double(index) * width, lower + Double(index + 1) * width,
                Double(inside) / Double(latency.count)
            )
        }
    }

    private static func logarithmicTicks(
        _ range: ClosedRange<Double>
    ) -> [(value: Double, label: String)] {
        let factors = range.upperBound - range.lowerBound > 2.5 ? [1.0] : [1.0, 2.0, 5.0]
        let values: [Double] = (-2...6).flatMap { power in
            factors.map { factor in factor * pow(10, Double(power)) }
        }
        return values.filter { range.contains(log10($0)) }.map { value in
            let digits = value < 0.1 ? 2 : value < 1 ? 1 : 0
            return (value: log10(value), label: ReportFormat.number(value, digits))
        }
    }

    /// Latency by percentile, with as much room for each further nine.
    func percentiles() -> String {
        // A percentile is drawn where at least ten latencies lie beyond it.
        func deepest(_ latency: Latency) -> Double {
            min(4, max(1, log10(Double(max(1, latency.count)) / 10)))
        }
        let series = [(chunkLatency, "line50"), (finalLatency, "lineFinal")]
            .filter { $0.0.count > 0 }
        let depth = series.map { deepest($0.0) }.max() ?? 1
        let lines = series.map { latency, name in
            let end = deepest(latency)
            let points = (0...120).map { step -> (x: Double, y: Double)? in
                let x = end * Double(step) / 120
                return latency.quantile(1 - pow(10, -x)).map { (x, $0) }
            }
            return (points: points, name: name)
        }
        let highest = lines.flatMap { $0.points.compactMap { $0?.y } }.max() ?? 1
        let yTicks = PlotFrame.ticks(upTo: highest * 1.02)
        let frame = PlotFrame(
            width: Self.half,
            height: 260,
            xRange: 0...depth,
            yRange: 0...(yTicks.last ?? 1)
        )
        let shares = [
            (0.0, "0"), (log10(2), "50"), (1, "90"), (2, "99"), (3, "99.9"), (4, "99.99"),
        ]
        return frame.svg(
            label: "Latency by percentile",
            [
                frame.axes(
                    xTicks: shares.filter { $0.0 <= depth }.map { ($0.0, $0.1) },
                    yTicks: yTicks.map {
                        ($0, ReportFormat.axisLatency($0, upTo: yTicks.last ?? 1))
                    },
                    xTitle: "percentile"
                )
            ] + lines.map { frame.line($0.points, class: $0.name) }
        )
    }

    /// Streams that were open and that spoke.
    func streamsOverTime() -> String {
        let yTicks = PlotFrame.ticks(upTo: Double(max(1, streams.openPeak)) * 1.02, count: 4)
        let frame = timeFrame(width: Self.width, height: 200, yMaximum: yTicks.last ?? 1)
        let open = timeline.map { (x: middle(of: $0), low: 0.0, high: Double($0.open)) }
        return frame.svg(
            label: "Streams over time",
            [
                timeAxes(frame, yTicks: yTicks) {
                    ReportFormat.number($0, (yTicks.last ?? 1) < 4 ? 1 : 0)
                },
                frame.band(open, class: "bandOpen"),
                frame.line(open.map { ($0.x, $0.high) }, class: "lineOpen"),
                frame.line(
                    timeline.map { (middle(of: $0), Double($0.speaking)) },
                    class: "lineSpeaking"
                ),
            ]
                + timeline.map { moment in
                    frame.hint(
                        from: Double(moment.second),
                        to: Double(moment.second + secondsPerMoment),
                        "\(moment.second) s: \(ReportFormat.number(moment.open)) open, "
                            + "\(ReportFormat.number(moment.speaking)) speaking, "
                            + "\(ReportFormat.number(moment.completed)) completed"
                    )
                }
        )
    }

    /// Refused, failed and differing streams a second, on top of each other; empty if there were
    /// none.
    func troubleOverTime() -> String {
        let highest = timeline.map { $0.refused + $0.failed + $0.differing }.max() ?? 0
        guard highest > 0 else { return "" }
        let perSecond = Double(secondsPerMoment)
        let yTicks = PlotFrame.ticks(upTo: Double(highest) / perSecond * 1.02, count: 3)
        let frame = timeFrame(width: Self.width, height: 150, yMaximum: yTicks.last ?? 1)
        var parts = [
            timeAxes(frame, yTicks: yTicks) {
                ReportFormat.number($0, (yTicks.last ?? 1) < 3 ? 1 : 0)
            }
        ]
        for moment in timeline {
            let counts = [
                (moment.refused, "refused"), (moment.failed, "failed"),
                (moment.differing, "differing"),
            ]
            // From the top of the pile down: each is drawn over the part that the next covers.
            for (index, entry) in counts.enumerated().reversed() where entry.0 > 0 {
                let height = counts[...index].reduce(0) { $0 + $1.0 }
                parts.append(
                    frame.bar(
                        from: Double(moment.second),
                        to: Double(moment.second + secondsPerMoment),
                        height: Double(height) / perSecond,
                        class: entry.1,
                        gap: timeline.count > 120 ? 0 : 1
                    )
                )
            }
        }
        return frame.svg(label: "Refused and failed streams over time", parts)
    }

    /// The server's CPU cores in use, or its memory.
    func serverOverTime(
        _ value: (Moment) -> Double?,
        label: String,
        written: (Double) -> String
    ) -> String {
        let highest = timeline.compactMap(value).max() ?? 0
        let yTicks = PlotFrame.ticks(upTo: max(highest * 1.05, 1e-3), count: 4)
        let frame = timeFrame(width: Self.half, height: 180, yMaximum: yTicks.last ?? 1)
        let points = timeline.map { moment in
            value(moment).map { (x: middle(of: moment), y: $0) }
        }
        return frame.svg(
            label: label,
            [
                timeAxes(frame, yTicks: yTicks, count: 5, label: written),
                frame.band(points.map { $0.map { ($0.x, 0, $0.y) } }, class: "bandServer"),
                frame.line(points, class: "lineServer"),
            ]
        )
    }
}
