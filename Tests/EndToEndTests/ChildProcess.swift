internal import Foundation
internal import Synchronization

/// A process that a test runs, and the lines that it writes to standard error.
final class ChildProcess: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private struct State {
        var lines: [String] = []
        var partial: [UInt8] = []
        var isClosed = false
        var waiters: [(matches: @Sendable (String) -> Bool, resume: @Sendable (String?) -> Void)] =
            []
        var status: Int32?
        var exitWaiters: [CheckedContinuation<Int32, Never>] = []
    }

    private let name: String
    private let state = Mutex(State())
    private let process = Process()

    /// Starts the process.
    init(_ executable: String, _ arguments: [String], output: FileHandle? = nil) throws {
        name = (executable as NSString).lastPathComponent
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        process.terminationHandler = { [weak self] in self?.exited($0.terminationStatus) }
        errors.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            self?.received(Array(data))
        }
        try process.run()
    }

    deinit {
        if process.isRunning { process.terminate() }
    }

    var identifier: Int32 { process.processIdentifier }

    var isRunning: Bool { process.isRunning }

    var lines: [String] { state.withLock { $0.lines } }

    /// The first line that matches, as soon as it is there.
    /// - Throws: ``Failure`` with everything written so far when the process closes its output.
    func line(where matches: @escaping @Sendable (String) -> Bool) async throws -> String {
        let line: String? = await withCheckedContinuation { continuation in
            let known = state.withLock { state -> String?? in
                if let line = state.lines.first(where: matches) { return .some(line) }
                if state.isClosed { return .some(nil) }
                state.waiters.append((matches, { continuation.resume(returning: $0) }))
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
        guard let line else {
            throw Failure(
                description: "\(name) ended early:\n" + lines.joined(separator: "\n")
            )
        }
        return line
    }

    func terminate() {
        process.terminate()
    }

    func signal(_ number: Int32) {
        kill(process.processIdentifier, number)
    }

    /// Waits for the end and gives the exit status.
    func exitStatus() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status = state.withLock { state in
                if state.status == nil { state.exitWaiters.append(continuation) }
                return state.status
            }
            if let status { continuation.resume(returning: status) }
        }
    }

    private func received(_ bytes: [UInt8]) {
        let resumptions = state.withLock { state -> [() -> Void] in
            state.isClosed = bytes.isEmpty
            var resumptions: [() -> Void] = []
            for byte in bytes {
                guard byte == UInt8(ascii: "\n") else {
                    state.partial.append(byte)
                    continue
                }
                let line = String(decoding: state.partial, as: UTF8.self)
                state.partial = []
                state.lines.append(line)
                let matched = state.waiters.filter { $0.matches(line) }
                state.waiters.removeAll { $0.matches(line) }
                resumptions += matched.map { waiter in { waiter.resume(line) } }
            }
            if state.isClosed {
                resumptions += state.waiters.map { waiter in { waiter.resume(nil) } }
                state.waiters = []
            }
            return resumptions
        }
        for resume in resumptions { resume() }
    }

    private func exited(_ status: Int32) {
        let waiters = state.withLock { state in
            state.status = status
            defer { state.exitWaiters = [] }
            return state.exitWaiters
        }
        for waiter in waiters { waiter.resume(returning: status) }
    }
}
