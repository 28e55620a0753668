internal import ArgumentParser
internal import Dispatch
internal import Foundation
internal import GRPCTransport
internal import LoadGeneration
internal import MessageCoding
internal import SwiftProtobuf
internal import Wire

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Load a server with streams of recordings and tell how it does.",
        discussion: """
            Keeps --streams streams going for --duration: each speaks a recording, drawn at random, \
            at the speed at which it was spoken, and is followed by another. Streams that run when \
            the time is over are finished.

            Before the load, each recording is recognised once alone, and every stream's finals are \
            compared with that: text, times of words, tokens and their times. Scores are not.

            With --speaking, only so many streams speak at a time. The others have sent nothing but \
            their configuration; when a stream has spoken its recording, it ends, is opened again, \
            and a silent one, drawn at random, begins to speak. The server has to bear with silent \
            streams: raise limits.idle_timeout above the time that one waits for its turn, and \
            server.max_streams to --streams.

            A stream that the server refuses with RESOURCE_EXHAUSTED waits as the server advises \
            and tries again; refusals are counted, and are no failures. Exits with 1 and a line that \
            says why when a stream failed, finals differed, came twice or were missing, or nothing \
            was recognised.
            """
    )

    @Option(
        name: .customLong("server"),
        help: "The server's address. May be repeated: connections are made to each in turn."
    )
    var servers = ["127.0.0.1:50051"]

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Recordings, or directories of them: WAV of 16-bit samples, one channel, 8 to 48 kHz.",
            valueName: "file-or-directory"
        )
    )
    var audio: [String]

    @OptionGroup
    var options: RecognitionOptions

    @OptionGroup(title: "Load")
    var load: LoadOptions

    @Option(
        help: ArgumentHelp(
            "What was said, for the word error rate.",
            discussion: """
                Lines of a recording's name, a tab and its text; or a table with a header that names \
                the columns text and file, name or id (and set, where files are called SET__ID); or \
                lines of JSON with the same keys.
                """,
            valueName: "file"
        )
    )
    var references: String?

    @Flag(inversion: .prefixedNo, help: "Compare finals with those of an undisturbed run.")
    var compare = true

    @Option(
        help: ArgumentHelp(
            "Write the finals of the undisturbed run to a file.",
            valueName: "file"
        )
    )
    var saveFinals: String?

    @Option(
        help: ArgumentHelp(
            "Compare with finals that --save-finals wrote, instead of an undisturbed run.",
            valueName: "file"
        )
    )
    var expect: String?

    @Option(
        name: .customLong("server-pid"),
        help: ArgumentHelp(
            "A server's process on this machine: tells its CPU time and memory. May be repeated.",
            valueName: "pid"
        )
    )
    var serverProcesses: [Int] = []

    @Option(
        help: ArgumentHelp(
            "The program grpc-echo: tells beside the server's CPU what a bare grpc++ echo uses.",
            discussion: """
                Sends it the same messages after the load, for half a minute at most. Built with \
                `swift build -c release --product grpc-echo`.
                """,
            valueName: "program"
        )
    )
    var echo: String?

    @Option(
        help: ArgumentHelp("Write the report as JSON; - is standard output.", valueName: "file")
    )
    var json: String?

    @Option(help: ArgumentHelp("Write the report as a page with plots.", valueName: "file"))
    var html: String?

    func validate() throws {
        guard compare || (saveFinals == nil && expect == nil) else {
            throw ValidationError("--no-compare leaves nothing to --save-finals and --expect.")
        }
        guard saveFinals == nil || expect == nil else {
            throw ValidationError("--expect makes no undisturbed run for --save-finals to write.")
        }
        guard !audio.isEmpty else { throw ValidationError("--audio needs a file or directory.") }
    }

    func run() async throws {
        let config = try options.config().with {
            $0.interimResults = load.interim
            $0.enableWordTimeOffsets = compare
            $0.enableTokenDetails = compare
        }
        let recordings = try BenchRecording.load(
            audio,
            config: config,
            messageMilliseconds: load.messageMilliseconds,
            references: try references.map {
                try References(contentsOf: try Self.text(ofFile: $0), file: $0)
            }
        )
        if references != nil, recordings.allSatisfy({ $0.reference == nil }) {
            throw CommandError("none of the recordings is named in \(references ?? "")")
        }
        var processes = try ServerProcesses(serverProcesses)
        let channels = try await connect()
        defer { for channel in channels { channel.close() } }
        let progress = BenchProgress()
        let expected = try await expectedFinals(of: recordings, config, channels[0], progress)

        let plan = load.plan(recordingCount: recordings.count)
        note("seed \(plan.seed)")
        let started = Date()
        let own = ProcessUsage.own
        let record = LoadRecord()
        processes.sample(into: record)
        let run = LoadRun(
            plan: plan,
            recordings: recordings,
            expected: expected,
            channels: channels,
            speakingCount: load.speakingCount,
            realTime: !load.asFastAsPossible,
            duration: load.duration.value,
            record: record
        )
        let ledger = await watch(run, processes, progress)
        var report = LoadReport(
            ledger,
            settings: load.settings(
                servers: servers,
                model: options.model,
                recordings: recordings.count,
                seed: plan.seed
            ),
            started: started,
            elapsed: record.elapsed,
            compared: compare,
            serverProcesses: serverProcesses,
            generator: ProcessUsage(
                cpuSeconds: ProcessUsage.own.cpuSeconds - own.cpuSeconds,
                residentBytes: ProcessUsage.own.residentBytes
            )
        )
        if let echo {
            report.echoCPUSecondsPerAudioSecond = try await EchoRun(
                program: echo,
                plan: plan,
                recordings: recordings,
                connectionCount: channels.count,
                realTime: !load.asFastAsPossible,
                duration: load.duration.value
            ).run()
        }
        try write(report)
        if let fault = report.fault {
            note("bench: \(fault)")
            throw ExitCode.failure
        }
    }

    /// Runs the load with an eye on time, the server's processes and signals.
    private func watch(
        _ run: LoadRun,
        _ processes: ServerProcesses,
        _ progress: BenchProgress
    ) async -> LoadLedger {
        let record = run.record
        let watching = Task {
            var processes = processes
            let clock = ContinuousClock()
            for second in 1... {
                try await clock.sleep(until: record.start + .seconds(second))
                record.note { $0.tick(at: $1) }
                processes.sample(into: record)
                progress.tell(record)
            }
        }
        // The first signal ends the load and leaves its report, a second one everything.
        let (stop, continuation) = AsyncStream.makeStream(of: Void.self)
        signal(SIGINT, SIG_IGN)
        let interruption = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        interruption.setEventHandler {
            continuation.yield()
            signal(SIGINT, SIG_DFL)
        }
        interruption.resume()
        await run.run(stop: stop)
        interruption.cancel()
        watching.cancel()
        var last = processes
        last.sample(into: record)
        progress.finish()
        return record.note { ledger, _ in ledger }
    }

    /// A channel for each connection, connected.
    private func connect() async throws -> [Channel] {
        let channels = (0..<load.connectionCount(serverCount: servers.count)).map {
            Channel(target: servers[$0 % servers.count], configuration: .init())
        }
        let request = try Martlet_V1_ListModelsRequest().messageBytes()
        for (index, channel) in channels.enumerated() {
            do {
                _ = try await channel.unary(
                    "/martlet.v1.Recognizer/ListModels",
                    request,
                    timeout: .seconds(10)
                )
            } catch  where error.code == .unimplemented {
                // Whatever it is, it is there; its streams will tell more.
            } catch {
                for channel in channels { channel.close() }
                throw CommandError(
                    "\(servers[index % servers.count]): \(error) "
                        + "(is a server running there? name another with --server)"
                )
            }
        }
        return channels
    }

    private func expectedFinals(
        of recordings: [BenchRecording],
        _ config: Martlet_V1_RecognitionConfig,
        _ channel: Channel,
        _ progress: BenchProgress
    ) async throws -> [StreamFinals]? {
        guard compare else { return nil }
        // Interim results have no bearing on finals.
        let asked = try config.with { $0.interimResults = false }.jsonString()
        let expected: ExpectedFinals
        if let expect {
            expected = try ExpectedFinals(contentsOf: try Self.text(ofFile: expect), file: expect)
            guard expected.config == asked else {
                throw CommandError(
                    "\(expect) was made with other options of recognition: \(expected.config)"
                )
            }
        } else {
            let undisturbed = UndisturbedRun(
                recordings: recordings,
                channel: channel,
                config: asked
            )
            expected = try await undisturbed.run(progress: progress)
            if let saveFinals {
                try expected.lines().write(toFile: saveFinals, atomically: true, encoding: .utf8)
            }
        }
        return try recordings.map { recording in
            guard let finals = expected.finals[recording.name] else {
                throw CommandError("\(expect ?? "") does not have \(recording.name)")
            }
            return finals
        }
    }

    private func write(_ report: LoadReport) throws {
        if let html { try report.page().write(toFile: html, atomically: true, encoding: .utf8) }
        if json == "-" {
            FileHandle.standardOutput.write(Data(try report.json().utf8))
        } else {
            if let json { try report.json().write(toFile: json, atomically: true, encoding: .utf8) }
            FileHandle.standardOutput.write(Data(report.text().utf8))
        }
    }

    private func note(_ line: String) {
        FileHandle.standardError.write(Data("\(line)\n".utf8))
    }

    private static func text(ofFile path: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw CommandError("\(path) cannot be read as UTF-8 text")
        }
        return text
    }
}

extension ServerProcesses {
    fileprivate mutating func sample(into record: LoadRecord) {
        guard let usage = usage() else { return }
        record.note { $0.serverSampled(usage, at: $1) }
    }
}

extension SwiftProtobuf.Message {
    /// A copy with changes.
    fileprivate func with(_ change: (inout Self) throws -> Void) rethrows -> Self {
        var copy = self
        try change(&copy)
        return copy
    }
}
