extension LoadReport {
    /// A heading and what it says.
    struct Row {
        var name: String
        var value: String
    }

    /// The report's figures that are no latencies.
    var rows: [Row] {
        var rows = [
            Row(
                name: "streams",
                value: "\(ReportFormat.number(streams.openPeak)) open at most, "
                    + "\(ReportFormat.number(streams.completed)) completed, "
                    + "\(ReportFormat.number(streams.refused)) refused, "
                    + "\(ReportFormat.number(streams.failed)) failed"
            )
        ]
        if streams.failed > 0 {
            rows.append(
                Row(
                    name: "failures",
                    value: streams.failuresByCode.sorted { $0.key < $1.key }
                        .map { "\($0.key) \(ReportFormat.number($0.value))" }
                        .joined(separator: ", ")
                )
            )
        }
        if streams.silentAtEnd > 0 {
            rows.append(
                Row(
                    name: "silent streams",
                    value: "\(ReportFormat.number(streams.silentAtEnd)) still open at the end"
                )
            )
        }
        rows.append(Row(name: "finals", value: finalsInWords))
        if let words {
            rows.append(
                Row(
                    name: "word error rate",
                    value: "\(ReportFormat.percent(words.errorRate)) "
                        + "(\(ReportFormat.number(words.errors)) of "
                        + "\(ReportFormat.number(words.said)) words)"
                )
            )
        }
        rows.append(
            Row(
                name: "throughput",
                value: "\(ReportFormat.number(throughput.audioSecondsPerSecond, 1)) s of audio a "
                    + "second, \(ReportFormat.number(throughput.streamsPerSecond, 2)) streams a "
                    + "second"
            )
        )
        if let server { rows += Self.rows(server) }
        if let echo = echoCPUSecondsPerAudioSecond {
            let ratio = server?.cpuSecondsPerAudioSecond.flatMap { echo > 0 ? $0 / echo : nil }
            rows.append(
                Row(
                    name: "bare grpc++ echo",
                    value: "\(ReportFormat.number(echo * 1000, 2)) ms of CPU for a second of audio"
                        + (ratio.map {
                            "; the server's is \(ReportFormat.number($0, 1)) times that"
                        } ?? "")
                )
            )
        }
        rows.append(Row(name: "load generator", value: generatorInWords))
        return rows
    }

    private static func rows(_ server: Server) -> [Row] {
        let perAudioSecond = server.cpuSecondsPerAudioSecond.map {
            ", \(ReportFormat.number($0 * 1000, 2)) ms for a second of audio"
        }
        let perStream = server.residentBytesPerStream.map {
            ", \(ReportFormat.bytes($0)) more for each open stream"
        }
        return [
            Row(
                name: "server CPU",
                value: "\(ReportFormat.number(server.cpuSeconds, 2)) s\(perAudioSecond ?? "")"
            ),
            Row(
                name: "server memory",
                value: "\(ReportFormat.bytes(server.residentBytesBefore)) before, "
                    + "\(ReportFormat.bytes(server.residentBytesPeak)) at most, "
                    + "\(ReportFormat.bytes(server.residentBytesAtEnd)) at the end"
                    + (perStream ?? "")
            ),
        ]
    }

    private var finalsInWords: String {
        let total = "\(ReportFormat.number(finals.total))"
        let faults =
            "\(ReportFormat.number(finals.repeated)) came twice, "
            + "\(ReportFormat.number(finals.streamsWithout)) streams had none"
        return finals.compared
            ? "\(total); \(ReportFormat.number(finals.streamsDiffering)) streams differ from the "
                + "undisturbed run, \(faults)"
            : "\(total), not compared; \(faults)"
    }

    private var generatorInWords: String {
        let late = generator.lateness.p99.map {
            ", messages late by \(ReportFormat.latency($0)) (p99)"
        }
        return "\(ReportFormat.number(generator.cores, 2)) cores, "
            + "\(ReportFormat.bytes(generator.residentBytes))\(late ?? "")"
    }

    /// The latencies, with their names.
    var latencies: [(name: String, latency: Latency)] {
        var latencies = [
            ("chunk: audio to result", chunkLatency),
            ("final: end of speech to final", finalLatency),
        ]
        if refusalLatency.count > 0 { latencies.append(("refusal", refusalLatency)) }
        return latencies
    }

    /// The report as a terminal shows it.
    public func text() -> String {
        let width = 31
        func left(_ text: String) -> String {
            text + String(repeating: " ", count: max(1, width - text.count))
        }
        func right(_ text: String) -> String {
            String(repeating: " ", count: max(1, 10 - text.count)) + text
        }
        var lines = [
            left("latency, ms")
                + ["count", "p50", "p95", "p99", "max"].map(right).joined()
        ]
        for (name, latency) in latencies {
            let figures = [latency.p50, latency.p95, latency.p99, latency.max]
            lines.append(
                left(name) + right(ReportFormat.number(latency.count))
                    + figures.map { right(ReportFormat.milliseconds($0)) }.joined()
            )
        }
        lines.append("")
        lines += rows.map { left($0.name) + $0.value }
        if !examples.isEmpty {
            lines.append("")
            lines += examples.map {
                "at \(ReportFormat.number($0.atSeconds, 1)) s, \($0.recording): \($0.what)"
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
