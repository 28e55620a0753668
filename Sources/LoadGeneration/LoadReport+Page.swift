extension LoadReport {
    /// The report as a page that needs nothing but itself.
    public func page() -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Martlet under load, \(Self.escaped(started))</title>
        <style>
        \(Self.style)
        </style>
        </head>
        <body>
        <main>
        \(sections.joined(separator: "\n"))
        </main>
        </body>
        </html>

        """
    }

    private var sections: [String] {
        var sections = [header, tiles]
        if chunkLatency.count > 0 {
            sections.append(
                Self.figure(
                    "Chunk latency",
                    "From sending the audio that a result needed to receiving the result.",
                    Self.quantileLegend,
                    latencyOverTime(\.chunk, label: "Chunk latency over time")
                )
            )
        }
        if finalLatency.count > 0 {
            sections.append(
                Self.figure(
                    "Final latency",
                    "From the end of speech to the last final result.",
                    Self.quantileLegend,
                    latencyOverTime(\.final, label: "Final latency over time")
                )
            )
            sections.append(
                Self.pair(
                    Self.figure(
                        "How long finals took",
                        "Share of the streams.",
                        "",
                        finalHistogram()
                    ),
                    Self.figure(
                        "Latency by percentile",
                        "What all but the slowest take at most.",
                        Self.legend([("line50", "chunk"), ("lineFinal", "final")]),
                        percentiles()
                    )
                )
            )
        }
        sections.append(
            Self.figure(
                "Streams",
                "The most at a time, in each \(secondsPerMoment == 1 ? "" : "\(secondsPerMoment) ")"
                    + "second\(secondsPerMoment == 1 ? "" : "s").",
                Self.legend([("lineOpen", "open"), ("lineSpeaking", "speaking")]),
                streamsOverTime()
            )
        )
        let trouble = troubleOverTime()
        if !trouble.isEmpty {
            sections.append(
                Self.figure(
                    "Refused and failed",
                    "Streams a second.",
                    Self.legend([
                        ("refused", "refused"), ("failed", "failed"),
                        ("differing", "finals differ"),
                    ]),
                    trouble
                )
            )
        }
        if server != nil { sections.append(serverFigures) }
        sections.append(tables)
        return sections
    }

    private var header: String {
        let verdict =
            fault.map { #"<p class="verdict bad">\#(Self.escaped($0))</p>"# }
            ?? #"<p class="verdict good">\#(praise)</p>"#
        return """
            <header>
            <h1>Martlet under load</h1>
            <p class="subtitle">\(Self.escaped(settingsInWords))</p>
            \(verdict)
            </header>
            """
    }

    private var praise: String {
        finals.compared
            ? "No stream failed; every final is that of the undisturbed run."
            : "No stream failed. Finals were not compared."
    }

    private var settingsInWords: String {
        let pace = settings.realTime ? "in real time" : "as fast as possible"
        let speaking =
            settings.speaking < settings.streams
            ? ", of which \(ReportFormat.number(settings.speaking)) speak at a time" : ""
        return "\(ReportFormat.number(settings.streams)) streams\(speaking), \(pace), for "
            + "\(ReportFormat.duration(settings.durationSeconds)); \(started)"
    }

    private var tiles: String {
        var tiles = [
            ("streams at a time", ReportFormat.number(streams.openPeak), ""),
            ("chunk p95", ReportFormat.milliseconds(chunkLatency.p95), "ms"),
            ("final p95", ReportFormat.milliseconds(finalLatency.p95), "ms"),
            ("final p99", ReportFormat.milliseconds(finalLatency.p99), "ms"),
            ("audio a second", ReportFormat.number(throughput.audioSecondsPerSecond), "s"),
            ("streams failed", ReportFormat.number(streams.failed), ""),
        ]
        if streams.refused > 0 {
            tiles.append(("streams refused", ReportFormat.number(streams.refused), ""))
        }
        if finals.compared {
            tiles.append(("finals differ", ReportFormat.number(finals.streamsDiffering), ""))
        }
        if let words {
            tiles.append(("word error rate", ReportFormat.number(words.errorRate * 100, 2), "%"))
        }
        if let cost = server?.cpuSecondsPerAudioSecond {
            tiles.append(("CPU for a second of audio", ReportFormat.number(cost * 1000, 2), "ms"))
        }
        let written = tiles.map { name, value, unit in
            let suffix = unit.isEmpty ? "" : "<small>\(unit)</small>"
            return #"<div class="tile"><b>\#(value)\#(suffix)</b><span>\#(name)</span></div>"#
        }
        return "<section class=\"tiles\">\n\(written.joined(separator: "\n"))\n</section>"
    }

    private var serverFigures: String {
        let mebibyte = 1_048_576.0
        let coresUsed = timeline.compactMap(\.serverCores).max() ?? 0
        let memoryUsed = Double(timeline.compactMap(\.serverResidentBytes).max() ?? 0) / mebibyte
        return Self.pair(
            Self.figure(
                "Server CPU",
                "Cores in use.",
                "",
                serverOverTime(\.serverCores, label: "Server CPU over time") {
                    ReportFormat.number($0, coresUsed < 0.5 ? 2 : 1)
                }
            ),
            Self.figure(
                "Server memory",
                "Resident.",
                "",
                serverOverTime(
                    { $0.serverResidentBytes.map { Double($0) / mebibyte } },
                    label: "Server memory over time"
                ) {
                    "\(ReportFormat.number($0, memoryUsed < 3 ? 1 : 0)) MiB"
                }
            )
        )
    }

    private var tables: String {
        let latencyRows = latencies.map { name, latency in
            let figures = [latency.mean, latency.p50, latency.p95, latency.p99, latency.max]
                .map { "<td>\(ReportFormat.milliseconds($0))</td>" }.joined()
            return "<tr><th>\(Self.escaped(name))</th>"
                + "<td>\(ReportFormat.number(latency.count))</td>\(figures)</tr>"
        }
        let given = [
            Row(name: "server", value: settings.servers.joined(separator: ", ")),
            Row(name: "model", value: settings.model.isEmpty ? "the default" : settings.model),
            Row(
                name: "audio",
                value: "\(ReportFormat.number(settings.recordings)) recordings, messages of "
                    + "\(settings.messageMilliseconds) ms, interim results "
                    + (settings.interimResults ? "asked for" : "not asked for")
            ),
            Row(
                name: "course",
                value: "\(ReportFormat.duration(settings.durationSeconds)), ramp "
                    + "\(ReportFormat.duration(settings.rampSeconds)), "
                    + "\(ReportFormat.number(settings.connections)) connections, seed "
                    + "\(settings.seed)"
            ),
        ]
        let written = (rows + given).map {
            "<tr><th>\(Self.escaped($0.name))</th><td>\(Self.escaped($0.value))</td></tr>"
        }
        var parts = [
            """
            <section>
            <h2>Figures</h2>
            <table class="figures">
            <thead><tr><th>latency, ms</th><th>count</th><th>mean</th><th>p50</th><th>p95</th>\
            <th>p99</th><th>max</th></tr></thead>
            <tbody>
            \(latencyRows.joined(separator: "\n"))
            </tbody>
            </table>
            <table class="facts">
            \(written.joined(separator: "\n"))
            </table>
            </section>
            """
        ]
        if !examples.isEmpty {
            let items = examples.map {
                "<li><b>\(ReportFormat.number($0.atSeconds, 1)) s</b> "
                    + "\(Self.escaped($0.recording)): \(Self.escaped($0.what))</li>"
            }
            parts.append(
                "<section>\n<h2>What went wrong, the first \(examples.count)</h2>\n<ul>\n"
                    + items.joined(separator: "\n") + "\n</ul>\n</section>"
            )
        }
        return parts.joined(separator: "\n")
    }

    private static let quantileLegend = legend([
        ("line50", "p50"), ("line95", "p95"), ("line99", "p99"),
    ])

    private static func legend(_ entries: [(name: String, label: String)]) -> String {
        let items = entries.map { #"<span class="key \#($0.name)">\#($0.label)</span>"# }
        return #"<div class="legend">\#(items.joined())</div>"#
    }

    private static func figure(
        _ title: String,
        _ subtitle: String,
        _ legend: String,
        _ drawing: String
    ) -> String {
        """
        <figure>
        <figcaption><div><h2>\(title)</h2><p>\(subtitle)</p></div>\(legend)</figcaption>
        \(drawing)
        </figure>
        """
    }

    private static func pair(_ left: String, _ right: String) -> String {
        "<div class=\"pair\">\n\(left)\n\(right)\n</div>"
    }

    /// Text that a server or a file's name may have a say in.
    static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
    }
}
