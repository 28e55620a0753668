internal import Foundation
internal import GRPCTransport
internal import Testing
internal import Wire

extension EndToEnd {
    /// The command and the tools that people use, as they use them.
    @Suite struct Commands {
        private let laboratory: Laboratory

        init() throws {
            laboratory = try #require(Laboratory.current)
        }

        private func run(
            _ executable: String,
            _ arguments: [String],
            input: String? = nil
        ) async throws -> (status: Int32, output: String, errors: [String]) {
            let file = "\(laboratory.directory)/\(UUID().uuidString)"
            try Data().write(to: URL(fileURLWithPath: file))
            let output = try #require(FileHandle(forWritingAtPath: file))
            let process: ChildProcess
            if let input {
                try input.write(toFile: "\(file).in", atomically: true, encoding: .utf8)
                process = try ChildProcess(
                    "/bin/sh",
                    ["-c", "exec \"$0\" \"$@\" < \"\(file).in\"", executable] + arguments,
                    output: output
                )
            } else {
                process = try ChildProcess(executable, arguments, output: output)
            }
            let status = await process.exitStatus()
            return (status, try String(contentsOfFile: file, encoding: .utf8), process.lines)
        }

        private func grpcurl(
            _ arguments: String...,
            input: String? = nil
        ) async throws -> String {
            let result = try await run(
                laboratory.places.grpcurl,
                ["-plaintext"] + arguments,
                input: input
            )
            #expect(result.status == 0, "\(result.output)\n\(result.errors)")
            return result.output
        }

        @Test func grpcurlListsAndDescribes() async throws {
            let address = laboratory.martlet.address
            let services = try await grpcurl(address, "list")
            #expect(services.contains("martlet.v1.Recognizer\n"))
            #expect(services.contains("grpc.health.v1.Health\n"))
            let description = try await grpcurl(address, "describe", "martlet.v1.Recognizer")
            #expect(
                description.contains(
                    "rpc Recognize ( stream .martlet.v1.RecognizeRequest ) returns "
                        + "( stream .martlet.v1.RecognizeResponse );"
                )
            )
            let message = try await grpcurl(
                address,
                "describe",
                "martlet.v1.RecognitionConfig"
            )
            #expect(message.contains("sample_rate_hertz"))
        }

        @Test func grpcurlChecksHealthAndListsModels() async throws {
            let address = laboratory.martlet.address
            for service in ["", "martlet.v1.Recognizer", Martlet.modelName] {
                let health = try await grpcurl(
                    "-d",
                    "{\"service\": \"\(service)\"}",
                    address,
                    "grpc.health.v1.Health/Check"
                )
                #expect(health.contains("\"SERVING\""))
            }
            let models = try await grpcurl(address, "martlet.v1.Recognizer/ListModels")
            #expect(models.contains("\"name\": \"zipformer-en\""))
            #expect(models.contains("\"ready\": true"))
        }

        @Test func grpcurlRecognizes() async throws {
            let recording = try #require(try Recording.all(laboratory.places).first)
            let half = recording.wav.count / 2
            let audio = [recording.wav[..<half], recording.wav[half...]].map {
                "{\"audio\": \"\(Data($0).base64EncodedString())\"}\n"
            }
            let config = """
                {"config": {"encoding": "LINEAR16", "sampleRateHertz": 16000}}

                """
            let response = try await grpcurl(
                "-d",
                "@",
                laboratory.martlet.address,
                "martlet.v1.Recognizer/Recognize",
                input: config + audio.joined()
            )
            #expect(response.contains("\"transcript\": \"\(recording.reference.text)\""))
            #expect(response.contains("\"isFinal\": true"))
        }

        /// Interim results of live audio. The latency is printed, not judged: this machine may be
        /// busy with other things.
        @Test func transcribeTellsWhenResultsCame() async throws {
            let wav = "\(laboratory.places.shared)/speech/wav/librispeech__1089-134686-0001.wav"
            let result = try await run(
                laboratory.places.martlet,
                [
                    "transcribe", "--server", laboratory.martlet.address, "--realtime", "--json",
                    wav,
                ]
            )
            #expect(result.status == 0, "\(result.errors)")
            let lines = try result.output.split(separator: "\n").map {
                try #require(
                    try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
                )
            }
            #expect(lines.count > 10)
            var latencies: [Double] = []
            for line in lines {
                #expect(line["file"] as? String == wav)
                let sent = try #require(line["sendTime"] as? Double)
                let received = try #require(line["receiveTime"] as? Double)
                #expect(received >= sent)
                latencies.append(received - sent)
            }
            latencies.sort()
            let p50 = latencies[latencies.count / 2]
            let p95 = latencies[min(latencies.count - 1, latencies.count * 95 / 100)]
            print("interim results after \(p50 * 1000) ms (p50), \(p95 * 1000) ms (p95)")
        }

        @Test func transcribePrintsTheText() async throws {
            let recording = try #require(try Recording.all(laboratory.places).first)
            let wav = "\(laboratory.places.shared)/speech/wav/\(recording.name).wav"
            let result = try await run(
                laboratory.places.martlet,
                ["transcribe", "--server", laboratory.martlet.address, wav, "/nowhere.wav"]
            )
            #expect(result.status == 1)
            #expect(result.output == "\(wav): \(recording.reference.text)\n")
            #expect(result.errors.count == 1)
            #expect(result.errors.first?.hasPrefix("/nowhere.wav: there is no such file") == true)
        }

        @Test func transcribeSaysThatNoServerIsThere() async throws {
            let wav = "\(laboratory.places.shared)/speech/wav/librispeech__1089-134686-0001.wav"
            let port = try Laboratory.freePort()
            let result = try await run(
                laboratory.places.martlet,
                ["transcribe", "--server", "127.0.0.1:\(port)", wav]
            )
            #expect(result.status == 1)
            #expect(result.errors.joined().contains("is a server running at 127.0.0.1:\(port)?"))
        }

        @Test func inspectDescribesABundle() async throws {
            let result = try await run(
                laboratory.places.martlet,
                ["inspect", "\(laboratory.places.export)/bundle"]
            )
            #expect(result.status == 0)
            #expect(result.output.contains("zipformer-en-3.3m"))
        }
    }
}
