internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import Testing
internal import Wire

extension EndToEnd {
    /// How a server starts, refuses to start, and stops.
    @Suite struct Serving {
        private let laboratory: Laboratory

        init() throws {
            laboratory = try #require(Laboratory.current)
        }

        /// Starts a server that must refuse its bundle.
        /// - Parameter spoil: What is done to a copy of the bundle.
        /// - Returns: the one line that it leaves.
        private func refusal(_ spoil: (String) throws -> Void) async throws -> String {
            let bundle = "\(laboratory.directory)/\(UUID().uuidString)"
            try FileManager.default.copyItem(
                atPath: "\(laboratory.places.export)/bundle",
                toPath: bundle
            )
            try spoil(bundle)
            let file = try Martlet.writeConfiguration(
                directory: laboratory.directory,
                bundle: bundle,
                endpoints: ["127.0.0.1:\(laboratory.tritonPort)"],
                settings: ""
            )
            let process = try ChildProcess(
                laboratory.places.martlet,
                ["serve", "--config", file, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
            )
            let status = await process.exitStatus()
            #expect(status != 0)
            let lines = process.lines
            #expect(lines.count == 1, "\(lines)")
            return lines.last ?? ""
        }

        private func rewrite(
            _ file: String,
            _ old: String,
            _ new: String
        ) throws {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            #expect(text.contains(old))
            try text.replacingOccurrences(of: old, with: new)
                .write(toFile: file, atomically: true, encoding: .utf8)
        }

        @Test func refusesATruncatedSafetensorsFile() async throws {
            let line = try await refusal { bundle in
                let file = "\(bundle)/decoder.safetensors"
                let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
                try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: file))
            }
            #expect(line.contains("decoder.safetensors"))
            #expect(line.contains("bytes"))
        }

        @Test func refusesAWrongShape() async throws {
            let line = try await refusal {
                try rewrite("\($0)/model.yaml", "joiner_dim: 320", "joiner_dim: 321")
            }
            #expect(line.contains("320") && line.contains("321"))
        }

        @Test func refusesAMissingTensor() async throws {
            let line = try await refusal { bundle in
                let url = URL(fileURLWithPath: "\(bundle)/decoder.safetensors")
                var bytes = try Data(contentsOf: url)
                let name = try #require(bytes.range(of: Data("joiner.output.bias".utf8)))
                bytes.replaceSubrange(name, with: Data("joiner.output.mias".utf8))
                try bytes.write(to: url)
            }
            #expect(line.contains("decoder.safetensors") && line.contains("joiner.output"))
        }

        @Test func refusesATritonThatServesAnotherModel() async throws {
            let line = try await refusal {
                try rewrite(
                    "\($0)/model.yaml",
                    "output: new_state,",
                    "output: newer_state,"
                )
            }
            #expect(line.contains("127.0.0.1:\(laboratory.tritonPort)"))
            #expect(line.contains("output \"newer_state\" is missing"))
        }

        @Test func saysThatNoEndpointIsUp() async throws {
            let port = try Laboratory.freePort()
            let martlet = try await Martlet(
                laboratory.places,
                directory: laboratory.directory,
                endpoints: ["127.0.0.1:\(port)"]
            )
            let call = martlet.recognize()
            try await call.send(try Martlet.config().messageBytes())
            await #expect {
                while try await call.next() != nil {}
            } throws: { error in
                let error = error as? RPCError
                return error?.code == .unavailable
                    && error?.message.contains("\"\(Martlet.modelName)\"") == true
                    && error?.message.contains("127.0.0.1:\(port)") == true
            }
            await martlet.stop()
        }

        /// Told to stop, it lets an open stream come to its end.
        @Test func letsStreamsFinish() async throws {
            let recording = try #require(try Recording.all(laboratory.places).first)
            let martlet = try await Martlet(
                laboratory.places,
                directory: laboratory.directory,
                endpoints: ["127.0.0.1:\(laboratory.tritonPort)"]
            )
            let call = martlet.recognize()
            try await call.send(try Martlet.config { $0.interimResults = true }.messageBytes())
            let half = recording.wav.count / 2
            try await call.send(Martlet.audio(recording.wav[..<half]))
            _ = try await call.next()

            martlet.process.terminate()
            _ = try await martlet.process.line { $0.contains("shutting down") }

            try await call.send(Martlet.audio(recording.wav[half...]))
            try await call.finishSending()
            var text = ""
            while let message = try await call.next() {
                let response = try Martlet_V1_RecognizeResponse(parsing: message)
                text = response.results.last?.alternatives.first?.transcript ?? text
            }
            #expect(text == recording.reference.text)
            #expect(await martlet.process.exitStatus() == 0)
        }

        /// A model goes with its Triton and comes back with it; streams then work again.
        @Test func followsItsTriton() async throws {
            let recording = try #require(try Recording.all(laboratory.places).first)
            let (grpcPort, httpPort) = (try Laboratory.freePort(), try Laboratory.freePort())
            let arguments = [
                "--model-repository", "\(laboratory.places.export)/triton", "--grpc-port",
                "\(grpcPort)", "--http-port", "\(httpPort)",
            ]
            let martlet = try await Martlet(
                laboratory.places,
                directory: laboratory.directory,
                endpoints: ["127.0.0.1:\(grpcPort)"]
            )
            for _ in 0..<2 {
                let triton = try ChildProcess(laboratory.places.tritonRun, arguments)
                try await martlet.modelIsServing()
                let results = try await martlet.recognize(recording.wav, messageBytes: 32_000)
                #expect(
                    results.last?.alternatives.first?.transcript == recording.reference.text
                )
                triton.terminate()
                _ = await triton.exitStatus()
                try await martlet.modelIsServing(false)
            }
            await martlet.stop()
        }
    }
}
