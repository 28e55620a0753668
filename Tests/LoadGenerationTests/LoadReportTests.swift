internal import Foundation
internal import LoadGeneration
internal import Testing

@Suite struct LoadReportTests {
    private static let settings = LoadReport.Settings(
        servers: ["127.0.0.1:50051"],
        model: "<model & \"co\">",
        streams: 4,
        speaking: 2,
        realTime: true,
        durationSeconds: 10,
        rampSeconds: 1,
        messageMilliseconds: 320,
        connections: 1,
        interimResults: true,
        recordings: 3,
        seed: 7
    )

    /// A load of ten seconds, two streams a second; `change` adds to it.
    private func report(
        streams: Int = 20,
        _ change: (inout LoadLedger) -> Void = { _ in }
    ) -> LoadReport {
        var ledger = LoadLedger()
        ledger.serverSampled(ProcessUsage(cpuSeconds: 5, residentBytes: 1 << 20), at: .zero)
        for index in 0..<streams {
            let time = Duration.milliseconds(500 * index)
            ledger.streamOpened(at: time)
            ledger.speakingBegan(at: time)
            ledger.audioSent(seconds: 2, lateness: .microseconds(300), at: time)
            ledger.chunkResult(.milliseconds(10 + index), at: time)
            ledger.speakingEnded(at: time)
            ledger.lastFinal(.milliseconds(50 + index), at: time)
            ledger.streamEnded(
                .completed(
                    LoadLedgerTests.finals(),
                    difference: nil,
                    WordErrors(reference: "one two", recognised: "one")
                ),
                recording: "a",
                at: time
            )
        }
        ledger.serverSampled(
            ProcessUsage(cpuSeconds: 6, residentBytes: 3 << 20),
            at: .seconds(9)
        )
        change(&ledger)
        return LoadReport(
            ledger,
            settings: Self.settings,
            started: Date(timeIntervalSince1970: 0),
            elapsed: .seconds(10),
            compared: true,
            serverProcesses: [7],
            generator: ProcessUsage(cpuSeconds: 0.5, residentBytes: 1 << 20)
        )
    }

    @Test func figuresAreThoseOfTheLedger() {
        let report = report()
        #expect(report.started == "1970-01-01T00:00:00Z")
        #expect(report.streams.completed == 20)
        #expect(report.throughput.audioSecondsPerSecond == 4)
        #expect(report.throughput.streamsPerSecond == 2)
        #expect(report.server?.cpuSecondsPerAudioSecond == 1.0 / 40)
        #expect(report.server?.residentBytesPerStream == 2 << 20)
        #expect(report.generator.cores == 0.05)
        #expect(report.words?.errorRate == 0.5)
        #expect(report.timeline.count == 10)
        #expect(report.timeline[3].completed == 2)
        #expect(report.timeline[3].chunk?.count == 2)
        #expect(report.chunkLatency.max == 29)
        #expect(report.fault == nil)
    }

    @Test func theServersCostStandsBesideThatOfAnEcho() {
        var report = report()
        #expect(!report.text().contains("echo"))
        report.echoCPUSecondsPerAudioSecond = 0.005
        #expect(
            report.text().contains(
                "5.00 ms of CPU for a second of audio; the server's is 5.0 times"
            )
        )
    }

    @Test func theJSONComesBack() throws {
        let report = report()
        let json = try report.json()
        #expect(try JSONDecoder().decode(LoadReport.self, from: Data(json.utf8)) == report)
    }

    @Test func quantilesOfTheReportAreTheHistograms() {
        var histogram = LatencyHistogram()
        for value in 1...1_000 { histogram.record(.microseconds(37 * value)) }
        let latency = LoadReport.Latency(histogram)
        for share in [0.1, 0.5, 0.95, 0.99, 1] {
            let expected = histogram.quantile(share).map { $0 / .milliseconds(1) }
            #expect(latency.quantile(share) == expected)
        }
        #expect(LoadReport.Latency(LatencyHistogram()).quantile(0.5) == nil)
    }

    @Test func sayingWhatIsWrong() {
        let failed = report { ledger in
            for code in ["UNAVAILABLE", "INTERNAL", "UNAVAILABLE"] {
                ledger.streamOpened(at: .zero)
                ledger.streamEnded(
                    .failed(code: code, message: "x"),
                    recording: "a",
                    at: .zero
                )
            }
        }
        #expect(failed.fault == "3 streams failed (UNAVAILABLE 2, INTERNAL 1)")
        let differing = report { ledger in
            ledger.streamOpened(at: .zero)
            ledger.streamEnded(
                .completed(LoadLedgerTests.finals(), difference: "d", nil),
                recording: "a",
                at: .zero
            )
            ledger.streamOpened(at: .zero)
            ledger.streamEnded(
                .completed(StreamFinals(), difference: nil, nil),
                recording: "a",
                at: .zero
            )
        }
        #expect(
            differing.fault
                == "1 stream with finals that differ from the undisturbed run; "
                + "1 stream without a final"
        )
        let refused = report(streams: 0) { ledger in
            ledger.streamOpened(at: .zero)
            ledger.streamEnded(.refused(after: .zero), recording: "a", at: .zero)
        }
        #expect(refused.fault == "every stream was refused")
        #expect(report(streams: 0).fault == "no stream was completed")
    }

    @Test func thePageIsWellFormedAndNeedsNothingElse() throws {
        let pages = [
            report().page(), report(streams: 0).page(), report(streams: 1).page(),
            report { ledger in
                ledger.streamOpened(at: .seconds(400))
                ledger.streamEnded(
                    .failed(code: "INTERNAL", message: "<script>alert(1)</script>"),
                    recording: "a&b",
                    at: .seconds(400)
                )
            }.page(),
        ]
        for page in pages {
            #expect(!page.contains("http:") && !page.contains("https:"))
            #expect(!page.contains("<script"))
            #expect(!page.contains("nan") && !page.contains("inf\""))
            // Elements without content are written as HTML has them; the rest is checked as XML.
            let body = page.components(separatedBy: "<body>").last?
                .components(separatedBy: "</body>").first
            #expect(try isBalanced(try #require(body)))
        }
        #expect(pages[0].contains("&lt;model &amp; &quot;co&quot;&gt;"))
        #expect(pages[3].contains("a&amp;b: INTERNAL: &lt;script&gt;"))
    }

    @Test func theTextTellsTheFigures() {
        let text = report().text()
        #expect(text.contains("word error rate                50.00% (20 of 40 words)"))
        #expect(text.contains("server CPU                     1.00 s, 25.00 ms for a second"))
        #expect(text.contains("chunk: audio to result                 20"))
    }

    /// Whether every element that is opened is closed, in order.
    private func isBalanced(_ markup: String) throws -> Bool {
        var open: [Substring] = []
        for match in markup.matches(of: try Regex("<(/?)([a-z0-9]+)([^>]*)>")) {
            let name = match.output[2].substring ?? ""
            if match.output[1].substring == "/" {
                guard open.popLast() == name else { return false }
            } else if match.output[3].substring?.hasSuffix("/") != true {
                open.append(name)
            }
        }
        return open.isEmpty
    }
}
