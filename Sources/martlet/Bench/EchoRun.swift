internal import Foundation
internal import GRPCTransport
internal import LoadGeneration
internal import MessageCoding

/// A load's messages sent to a bare grpc++ echo: what the library alone costs the server.
///
/// The echo runs as a process of its own for as long as it is measured. As many streams speak as in
/// the load, over as many connections, at the same pace; their audio comes back instead of results.
struct EchoRun {
    /// The `grpc-echo` program.
    let program: String
    let plan: LoadPlan
    let recordings: [BenchRecording]
    let connectionCount: Int
    let realTime: Bool
    let duration: Duration

    /// The longest that an echo is measured: its cost does not change with time.
    static let longest = Duration.seconds(30)

    /// - Returns: CPU time of the echo's process for a second of audio.
    /// - Throws: `CommandError` when the program does not start or no audio came back.
    func run() async throws -> Double {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["127.0.0.1:0"]
        let output = Pipe()
        process.standardOutput = output
        do {
            try process.run()
        } catch {
            throw CommandError("\(program) does not start: \(error.localizedDescription)")
        }
        // What was started from a thread of a pool may have inherited that it ignores milder ones.
        defer { kill(process.processIdentifier, SIGKILL) }
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let address = line.trimmingCharacters(in: .whitespacesAndNewlines)
        guard address.contains(":") else {
            throw CommandError("\(program) does not say where it listens; is it grpc-echo?")
        }
        let channels = (0..<connectionCount).map { _ in
            Channel(target: address, configuration: .init())
        }
        defer { for channel in channels { channel.close() } }
        let pacer = Pacer()
        defer { pacer.close() }
        let number = Int(process.processIdentifier)
        let before = ProcessUsage(ofProcess: number)
        let start = ContinuousClock.now
        let seconds = await withTaskGroup(of: Double.self) { group in
            for slot in 0..<plan.slotCount {
                group.addTask {
                    await speak(slot, on: channels[slot % channels.count], pacer, from: start)
                }
            }
            return await group.reduce(0, +)
        }
        guard let before, let after = ProcessUsage(ofProcess: number), seconds > 0 else {
            throw CommandError("\(program) at \(address) gave no audio back")
        }
        return (after.cpuSeconds - before.cpuSeconds) / seconds
    }

    /// One stream after another until the time is over.
    /// - Returns: seconds of audio that came back.
    private func speak(
        _ slot: Int,
        on channel: Channel,
        _ pacer: Pacer,
        from start: ContinuousClock.Instant
    ) async -> Double {
        var choices = plan.choices(ofSlot: slot)
        let end = start + min(duration, Self.longest)
        var seconds = 0.0
        while ContinuousClock.now < end {
            let recording = recordings[choices.recording()]
            let began = ContinuousClock.now + (realTime ? choices.phase() : .zero)
            let call = channel.call("/echo", metadata: [:], timeout: nil)
            do throws(RPCError) {
                try await call.send(recording.config)
                _ = try await call.next()
                for (index, message) in recording.messages.enumerated() {
                    let due = began + recording.cut.end(ofMessage: index)
                    if realTime { await pacer.sleep(until: min(due, end)) }
                    guard ContinuousClock.now < end else { break }
                    try await call.send(message)
                    guard try await call.next() != nil else { break }
                    seconds +=
                        recording.cut.duration(
                            ofSamples: recording.cut.samples(ofMessage: index).count
                        ).seconds
                }
                try await call.finishSending()
                while try await call.next() != nil {}
            } catch {
                // What did not come back does not count.
                call.cancel()
                return seconds
            }
        }
        return seconds
    }
}
