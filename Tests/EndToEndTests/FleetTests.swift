internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import SwiftProtobuf
internal import Testing
internal import Wire

extension EndToEnd {
    /// Several inference servers behind one Martlet: real ones, and stubs where what counts is how
    /// fast they are.
    @Suite struct Fleets {
        private let laboratory: Laboratory

        init() throws {
            laboratory = try #require(Laboratory.current)
        }

        private struct Report: Decodable {
            struct Streams: Decodable {
                var completed: Int
                var refused: Int
                var failed: Int
            }

            struct Finals: Decodable {
                var streamsDiffering: Int
            }

            struct Latency: Decodable {
                var count: Int
                var p50: Double?
                var p95: Double?
                var p99: Double?
            }

            var streams: Streams
            var finals: Finals
            var chunkLatency: Latency
            var finalLatency: Latency
            var refusalLatency: Latency
        }

        /// The recordings that stubs know.
        private var recordings: [String] {
            get throws {
                try Array(Recording.all(laboratory.places).prefix(8)).map {
                    "\(laboratory.places.shared)/speech/wav/\($0.name).wav"
                }
            }
        }

        /// What the real encoder makes of the recordings, for stubs.
        private func record() async throws -> String {
            let file = "\(laboratory.directory)/encoder.recording"
            if FileManager.default.fileExists(atPath: file) { return file }
            let process = try ChildProcess(
                laboratory.places.martlet,
                [
                    "stub-encoder", "--bundle", "\(laboratory.places.export)/bundle",
                    "--record-from", "127.0.0.1:\(laboratory.tritonPort)", "--recording", file,
                ] + recordings
            )
            let status = await process.exitStatus()
            #expect(status == 0, "\(process.lines)")
            return file
        }

        private struct Stub {
            var process: ChildProcess
            var address: String
        }

        private func stub(_ arguments: String...) async throws -> Stub {
            let process = try ChildProcess(
                laboratory.places.martlet,
                [
                    "stub-encoder", "--bundle", "\(laboratory.places.export)/bundle", "--recording",
                    try await record(), "--listen", "127.0.0.1:0",
                ] + arguments
            )
            let line = try await process.line { $0.contains(" serving ") }
            let field = try #require(
                line.split(separator: " ").first { $0.hasPrefix("address=") }
            )
            return Stub(process: process, address: String(field.dropFirst("address=".count)))
        }

        /// Runs `body` with a Martlet on some stubs, and takes all down after it.
        private func withMartlet(
            on stubs: [Stub],
            _ modelSettings: String,
            _ body: (Martlet) async throws -> Void
        ) async throws {
            let martlet = try await Martlet(
                laboratory.places,
                directory: laboratory.directory,
                endpoints: stubs.map(\.address),
                modelSettings: modelSettings
            )
            let outcome: Result<Void, any Error>
            do {
                try await martlet.modelIsServing()
                try await body(martlet)
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            await martlet.stop()
            for stub in stubs {
                stub.process.terminate()
                _ = await stub.process.exitStatus()
            }
            try outcome.get()
        }

        private func bench(_ martlet: Martlet, _ arguments: String...) async throws -> Report {
            let json = "\(laboratory.directory)/\(UUID().uuidString).json"
            let process = try ChildProcess(
                laboratory.places.martlet,
                [
                    "bench", "--server", martlet.address, "--json", json, "--audio",
                ] + recordings + arguments
            )
            let status = await process.exitStatus()
            #expect(status == 0, "\(process.lines)")
            return try JSONDecoder().decode(
                Report.self,
                from: Data(contentsOf: URL(fileURLWithPath: json))
            )
        }

        private func fleet(_ martlet: Martlet) async throws -> Martlet_V1_Fleet {
            let channel = Channel(target: martlet.adminAddress)
            defer { channel.close() }
            let response = try Martlet_V1_GetFleetResponse(
                parsing: try await channel.unary(
                    "/martlet.v1.Admin/GetFleet",
                    try Martlet_V1_GetFleetRequest().messageBytes(),
                    timeout: .seconds(10)
                )
            )
            return try #require(response.fleets.first)
        }

        @Test(arguments: ["carried", "resident"])
        func aSlowServerGetsLessWork(policy: String) async throws {
            let stubs = [
                try await stub("--delay", "20ms"), try await stub("--delay", "20ms"),
                try await stub("--delay", "60ms"),
            ]
            try await withMartlet(
                on: stubs,
                "state_policy: \(policy), admission: { headroom: 1m }"
            ) { martlet in
                // Streams that all came at once would be spread before it is known who is slow.
                let report = try await bench(
                    martlet,
                    "--streams",
                    "24",
                    "--ramp",
                    "5",
                    "--duration",
                    "15"
                )
                #expect(report.streams.failed == 0)
                #expect(report.finals.streamsDiffering == 0)
                let requests = try await fleet(martlet).endpoints.map(\.requests)
                print(
                    """
                    \(policy), two servers of 20 ms and one of 60 ms: \(requests) requests, chunks \
                    p95 \(report.chunkLatency.p95 ?? 0) ms
                    """
                )
                let fast = Double(requests[0] + requests[1]) / 2
                #expect(fast > 0 && Double(requests[2]) < 0.5 * fast)
            }
        }

        @Test func streamsBeyondTheCapacityAreRefused() async throws {
            // 4 at a time, 20 ms each: 200 chunks a second, those of 64 streams in real time.
            let stubs = [
                try await stub("--delay", "20ms", "--concurrency", "4", "--policy", "resident")
            ]
            try await withMartlet(on: stubs, "state_policy: resident") { martlet in
                let report = try await bench(
                    martlet,
                    "--streams",
                    "128",
                    "--ramp",
                    "8",
                    "--duration",
                    "16",
                    "--no-compare"
                )
                print(
                    """
                    twice the capacity: \(report.streams.completed) streams completed, \
                    \(report.streams.refused) refusals within \
                    \(report.refusalLatency.p95 ?? 0) ms (p95), finals p99 \
                    \(report.finalLatency.p99 ?? 0) ms
                    """
                )
                #expect(report.streams.failed == 0)
                #expect(report.streams.refused > 0)
                #expect(report.streams.completed > 64)
                let fleet = try await fleet(martlet)
                #expect(fleet.refusedStreams > 0)
                #expect(fleet.endpoints[0].state == .admitting)
            }
        }

        @Test func operatorsSeeTheServers() async throws {
            let address = laboratory.martlet.adminAddress
            let file = "\(laboratory.directory)/fleet.txt"
            try Data().write(to: URL(fileURLWithPath: file))
            let output = try #require(FileHandle(forWritingAtPath: file))
            let process = try ChildProcess(
                laboratory.places.martlet,
                ["inspect", "fleet", "--admin", address],
                output: output
            )
            #expect(await process.exitStatus() == 0)
            let table = try String(contentsOfFile: file, encoding: .utf8)
            #expect(table.contains("model zipformer-en: carried, 0 streams"))
            let row = try #require(
                table.split(separator: "\n").first { $0.hasPrefix("127.0.0.1:") }
            )
            #expect(row.hasPrefix("127.0.0.1:\(laboratory.tritonPort)  admitting  0 "))
        }

        @Test func aNameStandsForEveryAddressThatItHas() async throws {
            let martlet = try await Martlet(
                laboratory.places,
                directory: laboratory.directory,
                endpoints: ["dns:localhost:\(laboratory.tritonPort)"]
            )
            let outcome: Result<Void, any Error>
            do {
                try await martlet.modelIsServing()
                let addresses = try await fleet(martlet).endpoints.map(\.address)
                #expect(addresses.contains("127.0.0.1:\(laboratory.tritonPort)"))
                let recording = try #require(try Recording.all(laboratory.places).first)
                let results = try await martlet.recognize(recording.wav, messageBytes: 32_000)
                #expect(
                    results.last?.alternatives.first?.transcript == recording.reference.text
                )
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            await martlet.stop()
            try outcome.get()
        }
    }
}
