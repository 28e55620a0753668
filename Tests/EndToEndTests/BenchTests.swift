internal import Foundation
internal import Testing

extension EndToEnd {
    /// The load generator, against a server that does well and one that is not there.
    @Suite struct Load {
        private struct Report: Decodable {
            struct Streams: Decodable {
                var openPeak: Int
                var completed: Int
                var failed: Int
            }

            struct Finals: Decodable {
                var total: Int
                var streamsDiffering: Int
            }

            struct Latency: Decodable {
                var count: Int
                var p95: Double?
            }

            struct Words: Decodable {
                var errorRate: Double
            }

            var streams: Streams
            var finals: Finals
            var chunkLatency: Latency
            var finalLatency: Latency
            var words: Words?
            var echoCPUSecondsPerAudioSecond: Double?
        }

        private let laboratory: Laboratory

        init() throws {
            laboratory = try #require(Laboratory.current)
        }

        private func bench(_ arguments: [String]) async throws -> (Int32, [String]) {
            let output = try #require(FileHandle(forWritingAtPath: "/dev/null"))
            let process = try ChildProcess(
                laboratory.places.martlet,
                ["bench", "--audio", "\(laboratory.places.shared)/speech/wav"] + arguments,
                output: output
            )
            return (await process.exitStatus(), process.lines)
        }

        @Test func eightStreamsInRealTimeSayWhatTheySayAlone() async throws {
            let json = "\(laboratory.directory)/bench.json"
            let html = "\(laboratory.directory)/bench.html"
            let (status, lines) = try await bench([
                "--server", laboratory.martlet.address, "--streams", "8", "--duration", "10",
                "--references", "\(laboratory.places.shared)/speech/manifest.tsv", "--json", json,
                "--html", html,
                "--echo",
                URL(fileURLWithPath: laboratory.places.martlet).deletingLastPathComponent()
                    .appendingPathComponent("grpc-echo").path,
            ])
            #expect(status == 0, "\(lines)")
            let report = try JSONDecoder().decode(
                Report.self,
                from: Data(contentsOf: URL(fileURLWithPath: json))
            )
            #expect(report.streams.openPeak == 8)
            #expect(report.streams.completed >= 8)
            #expect(report.streams.failed == 0)
            #expect(report.finals.streamsDiffering == 0)
            #expect(report.finals.total >= report.streams.completed)
            #expect(report.chunkLatency.count > 0)
            #expect(report.finalLatency.count == report.streams.completed)
            #expect((report.words?.errorRate ?? 1) < 0.4)
            #expect(report.echoCPUSecondsPerAudioSecond != nil)
            let page = try String(contentsOfFile: html, encoding: .utf8)
            #expect(page.contains("every final is that of the undisturbed run"))
        }

        @Test func benchSaysThatNoServerIsThere() async throws {
            let port = try Laboratory.freePort()
            let (status, lines) = try await bench(["--server", "127.0.0.1:\(port)"])
            #expect(status == 1)
            #expect(lines.joined().contains("is a server running there?"))
        }
    }
}
