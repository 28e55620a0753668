internal import Foundation
internal import LoadGeneration

/// The processes of the server that a load is run against, as this machine sees them.
struct ServerProcesses {
    let numbers: [Int]
    /// CPU time of each that was seen last: a process that has ended has used it all the same.
    private var cpuSeconds: [Int: Double] = [:]

    /// - Throws: `CommandError` when one of them does not run here.
    init(_ numbers: [Int]) throws {
        self.numbers = numbers
        for number in numbers where ProcessUsage(ofProcess: number) == nil {
            throw CommandError("--server-pid \(number): no such process runs on this machine")
        }
    }

    /// What they have used together; nil when there are none.
    mutating func usage() -> ProcessUsage? {
        guard !numbers.isEmpty else { return nil }
        var residentBytes = 0
        for number in numbers {
            guard let usage = ProcessUsage(ofProcess: number) else { continue }
            cpuSeconds[number] = usage.cpuSeconds
            residentBytes += usage.residentBytes
        }
        return ProcessUsage(
            cpuSeconds: cpuSeconds.values.reduce(0, +),
            residentBytes: residentBytes
        )
    }
}

extension ProcessUsage {
    init?(ofProcess number: Int) {
        guard let stat = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8)
        else { return nil }
        self.init(
            stat: stat,
            ticksPerSecond: sysconf(Int32(_SC_CLK_TCK)),
            pageBytes: sysconf(Int32(_SC_PAGESIZE))
        )
    }

    /// This process's.
    static var own: ProcessUsage {
        ProcessUsage(ofProcess: Int(getpid())) ?? ProcessUsage(cpuSeconds: 0, residentBytes: 0)
    }
}
