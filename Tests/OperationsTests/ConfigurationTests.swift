internal import Foundation
internal import Logging
internal import Operations
internal import Testing

/// Writes a configuration to a directory of its own and loads it; errors are without the directory.
private func load(
    _ text: String,
    environment: [String: String] = [:],
    overrides: [ConfigurationOverride] = []
) throws -> Result<Configuration, ConfigurationError> {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
        "martlet-configuration-\(UUID().uuidString)"
    )
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let file = directory.appendingPathComponent("martlet.yaml")
    try Data(text.utf8).write(to: file)
    do throws(ConfigurationError) {
        var configuration = try Configuration.load(
            file: file.path,
            environment: environment,
            overrides: overrides
        )
        for index in configuration.models.indices {
            configuration.models[index].bundleDirectory =
                configuration.models[index].bundleDirectory
                .replacingOccurrences(of: directory.standardizedFileURL.path, with: "DIR")
        }
        return .success(configuration)
    } catch {
        let text = "\(error)".replacingOccurrences(of: directory.path + "/", with: "")
        return .failure(ConfigurationError(description: text))
    }
}

private func failure(
    _ text: String,
    environment: [String: String] = [:],
    overrides: [ConfigurationOverride] = []
) throws -> String {
    switch try load(text, environment: environment, overrides: overrides) {
    case .success: return "no error"
    case .failure(let error):
        #expect(!error.description.contains("\n"))
        return error.description
    }
}

private let least = "models: [ { name: m, bundle: b, endpoints: [\"h:1\"] } ]\n"

@Suite struct ConfigurationTests {
    @Test func theLeastConfigurationHasTheDefaults() throws {
        var expected = Configuration()
        expected.models = [.init(name: "m", bundleDirectory: "DIR/b", endpoints: ["h:1"])]
        #expect(try load(least).get() == expected)
    }

    @Test func everyKeyIsRead() throws {
        let configuration = try load(
            """
            server:
              listen: "[::1]:0"
              admin: 0.0.0.0:7
              max_message_bytes: 2048
              max_metadata_bytes: 4096
              max_buffered_bytes: 2097152
              max_streams: 7
              keepalive_time: 1m
              keepalive_timeout: 3
              min_ping_interval: 500ms
              shutdown_grace: 0s
              log_level: debug
            limits:
              first_message_timeout: 1s
              idle_timeout: 2s
              max_stream_duration: 3m
              max_audio_duration: 1.5h
              last_result_timeout: 4s
              max_alternatives: 4
              max_beam_size: 8
              max_phrases: 100
            models:
              - name: first
                bundle: /elsewhere/b
                endpoints: ["10.0.0.7:8001", "triton-0.example.org:8001", "[2001:db8::1]:9"]
                resolve_interval: 5s
                tls: { ca: /tls/ca.pem, certificate: c.pem, key: ../k.pem, server_name: triton }
                state_policy: resident
                connections: 3
                infer_timeout: 250ms
                patience: 20s
                balancing: round_robin
                slow_start: 1s
                hedging: true
                batching: { max_batch: 8, max_wait: 1ms, max_outstanding: 3 }
                snapshots: { interval: 5, max_bytes: 1048576 }
                health:
                  interval: 2s
                  timeout: 100ms
                  unanswered_checks: 2
                  failures_to_eject: 4
                  min_ejection: 3s
                  max_ejection: 4s
                  max_ejected_share: 0.25
                retries: { share: 0.5, min_per_second: 7 }
                admission: { headroom: 60ms, max_streams: 12 }
                output_case: lower
                language_models:
                  - { name: small, file: lm.arpa, unit: token }
                  - name: large
                    file: /lm/large.arpa
                    unit: word
                    case: upper
                    weight: 0.5
                    insertion_bonus: 1
                    unknown_word_offset: -5
                    source: { file: /lm/source.arpa, weight: 0.25 }
              - name: second
                bundle: ../c/./d
                endpoints: ["dns:triton.example.org:8001", "dns:[::1]:1"]
                tls: {}
            """
        ).get()
        #expect(configuration.server.listenAddress == "[::1]:0")
        #expect(configuration.server.adminAddress == "0.0.0.0:7")
        #expect(configuration.server.maximumMessageBytes == 2048)
        #expect(configuration.server.maximumMetadataBytes == 4096)
        #expect(configuration.server.maximumBufferedBytes == 2_097_152)
        #expect(configuration.server.maximumStreams == 7)
        #expect(configuration.server.keepaliveTime == .seconds(60))
        #expect(configuration.server.keepaliveTimeout == .seconds(3))
        #expect(configuration.server.minimumPingInterval == .milliseconds(500))
        #expect(configuration.server.shutdownGrace == .zero)
        #expect(configuration.server.logLevel == .debug)
        #expect(configuration.limits.firstMessageTimeout == .seconds(1))
        #expect(configuration.limits.idleTimeout == .seconds(2))
        #expect(configuration.limits.maximumStreamDuration == .seconds(180))
        #expect(configuration.limits.maximumAudioDuration == .seconds(5400))
        #expect(configuration.limits.lastResultTimeout == .seconds(4))
        #expect(configuration.limits.maximumAlternatives == 4)
        #expect(configuration.limits.maximumBeamSize == 8)
        #expect(configuration.limits.maximumPhrases == 100)
        let first = try #require(configuration.models.first)
        #expect(first.bundleDirectory == "/elsewhere/b")
        #expect(first.endpoints.count == 3)
        var fleet = Configuration.Fleet()
        fleet.statePolicy = .resident
        fleet.connections = 3
        fleet.inferTimeout = .milliseconds(250)
        fleet.patience = .seconds(20)
        fleet.balancing = .roundRobin
        fleet.slowStart = .seconds(1)
        fleet.hedging = true
        fleet.batching.maximumBatch = 8
        fleet.batching.maximumWait = .milliseconds(1)
        fleet.batching.maximumOutstanding = 3
        fleet.snapshots.interval = 5
        fleet.snapshots.maximumBytes = 1 << 20
        fleet.health.interval = .seconds(2)
        fleet.health.timeout = .milliseconds(100)
        fleet.health.unansweredChecks = 2
        fleet.health.failuresToEject = 4
        fleet.health.minimumEjection = .seconds(3)
        fleet.health.maximumEjection = .seconds(4)
        fleet.health.maximumEjectedShare = 0.25
        fleet.retries.share = 0.5
        fleet.retries.minimumPerSecond = 7
        fleet.admission.headroom = .milliseconds(60)
        fleet.admission.maximumStreams = 12
        #expect(first.fleet == fleet)
        #expect(first.outputCase == .lower)
        var small = Configuration.LanguageModel(name: "small", file: "")
        small.file = first.languageModels[0].file
        small.unit = .token
        #expect(small.file.hasSuffix("/lm.arpa"))
        var large = Configuration.LanguageModel(name: "large", file: "/lm/large.arpa")
        large.letterCase = .upper
        large.weight = 0.5
        large.insertionBonus = 1
        large.unknownWordOffset = -5
        large.sourceFile = "/lm/source.arpa"
        large.sourceWeight = 0.25
        #expect(first.languageModels == [small, large])
        #expect(first.resolveInterval == .seconds(5))
        let tls = try #require(first.tls)
        #expect(tls.authoritiesFile == "/tls/ca.pem")
        // The files' directory is a new one in each test.
        let directory = try #require(tls.certificateFile).dropLast("/c.pem".count)
        #expect(
            tls.keyFile == directory.prefix(upTo: try #require(directory.lastIndex(of: "/")))
                + "/k.pem"
        )
        #expect(tls.serverName == "triton")
        let second = configuration.models[1]
        #expect(second.bundleDirectory.hasSuffix("/c/d"))
        #expect(second.endpoints == ["dns:triton.example.org:8001", "dns:[::1]:1"])
        #expect(second.resolveInterval == .seconds(10))
        #expect(second.tls == Configuration.TLS())
    }

    @Test func environmentOverridesTheFileAndFlagsOverrideBoth() throws {
        let text = least + "server: { listen: \"file:1\", max_streams: 1, log_level: error }\n"
        let environment = [
            "MARTLET_SERVER__LISTEN": "environment:2", "MARTLET_SERVER__MAX_STREAMS": "2",
            "MARTLET_MODELS__0__ENDPOINTS": "[\"e:5\"]", "MARTLET_SHARED": "/not/ours",
        ]
        let configuration = try load(
            text,
            environment: environment,
            overrides: [
                ConfigurationOverride(assignment: "server.listen=flag:3"),
                ConfigurationOverride(
                    keys: ["server", "listen"],
                    value: "[::1]:4",
                    flag: "--listen"
                ),
                ConfigurationOverride(assignment: "models[1].name=n"),
                ConfigurationOverride(assignment: "models[1].bundle=c"),
                ConfigurationOverride(assignment: "models.1.endpoints=['f:6']"),
            ]
        ).get()
        #expect(configuration.server.listenAddress == "[::1]:4")
        #expect(configuration.server.maximumStreams == 2)
        #expect(configuration.server.logLevel == .error)
        #expect(configuration.models[0].endpoints == ["e:5"])
        #expect(configuration.models[1].name == "n")
        #expect(configuration.models[1].bundleDirectory == "DIR/c")
    }

    @Test(arguments: [
        ("", "martlet.yaml:1:1: expected a mapping, found nothing"),
        ("server: {}", "martlet.yaml:1:1: models: missing; this key is required"),
        ("models: []", "martlet.yaml:1:9: models: a list of 0; expected 1 to 64 elements"),
        (
            "sever: {}\n" + least,
            "martlet.yaml:1:1: sever: unknown key; did you mean \"server\"? (known keys: server,"
                + " limits, models)"
        ),
        (
            "models: [ { name: m, bundle: b, endpoint: [] } ]",
            "martlet.yaml:1:33: models[0].endpoint: unknown key; did you mean \"endpoints\"? (known"
                + " keys: name, bundle, endpoints, resolve_interval, tls, output_case, language_models,"
                + " state_policy, connections, infer_timeout, patience, balancing, slow_start,"
                + " batching, hedging, snapshots, health, retries, admission)"
        ),
        (
            "models: [ { name: m, bundle: b } ]",
            "martlet.yaml:1:11: models[0].endpoints: missing; this key is required"
        ),
        (
            "models: [ { name: m, bundle: b, endpoints: [] } ]",
            "martlet.yaml:1:44: models[0].endpoints: a list of 0; expected 1 to 64 elements"
        ),
        (
            "models: [ { name: \"m m\", bundle: b, endpoints: [\"h:1\"] } ]",
            "martlet.yaml:1:19: models[0].name: \"m m\" is not a name; use letters, digits, dots,"
                + " underscores and hyphens"
        ),
        (
            "models:\n- { name: m, bundle: b, endpoints: [\"h:1\"] }\n"
                + "- { name: m, bundle: c, endpoints: [\"h:1\"] }\n",
            "martlet.yaml:3:11: models[1].name: two models are called \"m\"; give each a name of"
                + " its own"
        ),
        (
            "models: [ { name: m, bundle: b, endpoints: [\"h:1\", \"H:1\"] } ]",
            "martlet.yaml:1:52: models[0].endpoints[1]: \"H:1\" is listed twice; keep one"
        ),
        (
            "models: [ { name: m, bundle: b, endpoints: [\"h:1\"], health: { intervall: 1s } } ]",
            "martlet.yaml:1:63: models[0].health.intervall: unknown key; did you mean"
                + " \"interval\"? (known keys: interval, timeout, unanswered_checks,"
                + " failures_to_eject, min_ejection, max_ejection, max_ejected_share)"
        ),
        (
            "models: [ { name: m, bundle: b, endpoints: [\"h:1\"],"
                + " language_models: [ { name: l, file: l } ] } ]",
            "martlet.yaml:1:72: models[0].language_models[0].unit: missing; this key is required"
        ),
        (
            "models: [ { name: m, bundle: b, endpoints: [\"h:1\"], language_models:"
                + " [ { name: l, file: a, unit: word }, { name: l, file: b, unit: word } ] } ]",
            "martlet.yaml:1:106: models[0].language_models[1]: two language models are called \"l\";"
                + " give each a name of its own"
        ),
        (
            "models: [ { name: m, bundle: b, endpoints: [\"h:1\"], tls: { key: k } } ]",
            "martlet.yaml:1:58: models[0].tls: a key without a certificate; give both, or neither"
        ),
        (
            "models: [ { name: m, bundle: b, endpoints: [\"h:1\"], tls: { certificate: c } } ]",
            "martlet.yaml:1:58: models[0].tls: a certificate without a key; give both, or neither"
        ),
        (
            "models: [ { name: m, bundle: b, endpoints: [\"h:1\"], tls: { server_name: \"h:1\" } } ]",
            "martlet.yaml:1:73: models[0].tls.server_name: \"h:1\" is not a host's name; write it"
                + " without a port"
        ),
        (
            "models: [ { name: m, bundle: b, endpoints: [\"h:1\"], tls: { certifcate: c } } ]",
            "martlet.yaml:1:60: models[0].tls.certifcate: unknown key; did you mean \"certificate\"?"
                + " (known keys: ca, certificate, key, server_name)"
        ),
        (
            "models: [ { name: m, bundle: b, endpoints: [\"h:1\"], resolve_interval: 1ms } ]",
            "martlet.yaml:1:71: models[0].resolve_interval: expected a duration from 100ms to 1h"
                + " (such as 250ms, 1.5s, 2m, 4h), found \"1ms\""
        ),
        (
            "models: [ { name: m, bundle: b, endpoints: [\"dns:h:1\", \"dns:H:1\"] } ]",
            "martlet.yaml:1:56: models[0].endpoints[1]: \"dns:H:1\" is listed twice; keep one"
        ),
        (
            "server: { log_level: verbose }\n" + least,
            "martlet.yaml:1:22: server.log_level: \"verbose\" is unknown (known: trace, debug,"
                + " info, notice, warning, error, critical)"
        ),
        (
            "limits: { idle_timeout: 0 }\n" + least,
            "martlet.yaml:1:25: limits.idle_timeout: expected a duration from 10ms to 24h (such as"
                + " 250ms, 1.5s, 2m, 4h), found \"0\""
        ),
        (
            "server: { max_streams: 0 }\n" + least,
            "martlet.yaml:1:24: server.max_streams: expected a whole number from 1 to 1000000,"
                + " found \"0\""
        ),
    ])
    func mistakesAreNamed(text: String, message: String) throws {
        #expect(try failure(text) == message)
    }

    @Test(arguments: [
        ("8001", "it has no port"), ("localhost", "it has no port"),
        ("localhost:", "its port must be from 1 to 65535"),
        ("localhost:0", "its port must be from 1 to 65535"),
        ("localhost:65536", "its port must be from 1 to 65535"),
        ("localhost:+1", "its port must be from 1 to 65535"),
        ("::1:8001", "an IPv6 address needs brackets"),
        ("[::1]", "its port must be from 1 to 65535"),
        ("[::g]:1", "the brackets hold no IPv6 address"),
        ("[]:1", "the brackets hold no IPv6 address"),
        (":1", "its host is neither a name nor an IPv4 address"),
        ("a b:1", "its host is neither a name nor an IPv4 address"),
        ("http://a:1", "an IPv6 address needs brackets"),
        ("dns/a:1", "its host is neither a name nor an IPv4 address"),
        ("h\u{f6}st:1", "its host is neither a name nor an IPv4 address"),
    ])
    func addressesThatAreNone(address: String, reason: String) throws {
        let message = try failure(
            "models: [ { name: m, bundle: b, endpoints: [\"\(address)\"] } ]"
        )
        #expect(
            message == """
                martlet.yaml:1:45: models[0].endpoints[0]: "\(address)" is not an address: \
                \(reason); write host:port, such as localhost:8001, 10.0.0.7:8001 or "[::1]:8001"
                """
        )
    }

    @Test(arguments: [
        ("dns:h", "it has no port"), ("dns:8001", "it has no port"),
        ("dns:h:0", "its port must be from 1 to 65535"),
        ("dns:::1:8001", "an IPv6 address needs brackets"),
        ("dns::8001", "its host is neither a name nor an IPv4 address"),
        ("dns:///h:8001", "its host is neither a name nor an IPv4 address"),
    ])
    func namesThatAreNone(endpoint: String, reason: String) throws {
        let message = try failure(
            "models: [ { name: m, bundle: b, endpoints: [\"\(endpoint)\"] } ]"
        )
        #expect(
            message == """
                martlet.yaml:1:45: models[0].endpoints[0]: "\(endpoint)" names no endpoints: \
                \(reason); write dns:host:port, such as dns:triton.default.svc.cluster.local:8001
                """
        )
        // Nothing but an endpoint may be one.
        #expect(
            try failure("server: { listen: \"dns:h:1\" }\n" + least).contains(
                "\"dns:h:1\" is not an address: an IPv6 address needs brackets"
            )
        )
    }

    @Test func mistakesOutsideTheFileNameTheirOrigin() throws {
        #expect(
            try failure(least, environment: ["MARTLET_SERVER__LISTN": "x"]) == """
                environment MARTLET_SERVER__LISTN: server.listn: unknown key; did you mean \
                "listen"? (known keys: listen, admin, max_message_bytes, max_metadata_bytes, \
                max_buffered_bytes, max_streams, keepalive_time, keepalive_timeout, min_ping_interval, shutdown_grace, log_level)
                """
        )
        #expect(
            try failure(
                least,
                overrides: [ConfigurationOverride(assignment: "server.max_streams=many")]
            )
                == """
                --set server.max_streams: server.max_streams: expected a whole number from 1 to \
                1000000, found "many"
                """
        )
        #expect(
            try failure(
                least,
                overrides: [
                    ConfigurationOverride(keys: ["server", "listen"], value: "x", flag: "--listen")
                ]
            ).hasPrefix("--listen: server.listen: \"x\" is not an address: it has no port")
        )
        #expect {
            _ = try ConfigurationOverride(assignment: "nothing")
        } throws: {
            "\($0)" == "--set: \"nothing\" is not an assignment; write --set PATH=VALUE"
        }
    }

    @Test func aMissingFileIsNamed() {
        #expect {
            _ = try Configuration.load(file: "/nonexistent/martlet.yaml", environment: [:])
        } throws: {
            "\($0)" == "/nonexistent/martlet.yaml: cannot be read: there is no such file"
        }
    }
}

@Suite struct ReferenceConfigurationTests {
    private var reference: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Config/martlet.yaml").path
    }

    @Test func itsValuesAreTheDefaults() throws {
        let configuration = try Configuration.load(file: reference, environment: [:])
        #expect(configuration.server == Configuration.Server())
        #expect(configuration.limits == Configuration.Limits())
        let model = try #require(configuration.models.first)
        #expect(
            model
                == Configuration.Model(
                    name: model.name,
                    bundleDirectory: model.bundleDirectory,
                    endpoints: model.endpoints
                )
        )
        #expect(model.bundleDirectory.hasSuffix("/Config/bundles/zipformer-en"))
    }

    @Test func itHoldsEveryKey() throws {
        let text = try enabling(Self.examples, String(contentsOfFile: reference, encoding: .utf8))
        let lines = text.split(separator: "\n").map { $0.prefix { $0 != "#" } }
            .joined(separator: "\n")
        let keys =
            ConfigurationKey.allCases.map(\.rawValue) + ServerKey.allCases.map(\.rawValue)
            + LimitsKey.allCases.map(\.rawValue) + ModelKey.allCases.map(\.rawValue)
            + TLSKey.allCases.map(\.rawValue) + BatchingKey.allCases.map(\.rawValue)
            + SnapshotsKey.allCases.map(\.rawValue) + HealthKey.allCases.map(\.rawValue)
            + RetriesKey.allCases.map(\.rawValue) + AdmissionKey.allCases.map(\.rawValue)
        for key in keys {
            #expect(lines.contains(try Regex("(^|[\\s{])\(key):")), "\(key) is not documented")
        }
    }

    @Test func itsExamplesAreLegal() throws {
        let text = try String(contentsOfFile: reference, encoding: .utf8)
        let model = try #require(try load(enabling(Self.examples, text)).get().models.first)
        #expect(model.fleet.statePolicy == .resident)
        let tls = try #require(model.tls)
        #expect(tls.authoritiesFile?.hasSuffix("/tls/ca.pem") == true)
        #expect(tls.certificateFile?.hasSuffix("/tls/martlet.pem") == true)
        #expect(tls.keyFile?.hasSuffix("/tls/martlet.key") == true)
        #expect(tls.serverName == "triton.example.org")
        #expect(model.resolveInterval == .seconds(10))
    }

    /// Keys of a model that have no default to show, and stand in comments instead.
    private static let examples = ["state_policy", "tls"]

    /// The text with these keys' examples made effective.
    private func enabling(_ keys: [String], _ text: String) -> String {
        let indent = "    #   "
        var isInside = false
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let example = line.dropFirst(indent.count)
            if !line.hasPrefix(indent) {
                isInside = false
            } else if !example.hasPrefix(" ") {
                isInside = keys.contains { example.hasPrefix("\($0):") }
            }
            return isInside ? "    \(example)" : String(line)
        }.joined(separator: "\n")
    }
}
