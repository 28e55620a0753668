/// What a process has used, as Linux tells in /proc.
public struct ProcessUsage: Sendable, Equatable {
    public var cpuSeconds: Double
    public var residentBytes: Int

    public init(cpuSeconds: Double, residentBytes: Int) {
        self.cpuSeconds = cpuSeconds
        self.residentBytes = residentBytes
    }

    /// Of the text of /proc/PID/stat; nil when it is not such a text. See proc(5).
    public init?(stat: String, ticksPerSecond: Int, pageBytes: Int) {
        // The second field is the command's name in parentheses, which may hold anything.
        guard let parenthesis = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: parenthesis)...].split(separator: " ")
        guard fields.count > 21, let user = Int(fields[11]), let system = Int(fields[12]),
            let pages = Int(fields[21])
        else { return nil }
        cpuSeconds = Double(user + system) / Double(ticksPerSecond)
        residentBytes = pages * pageBytes
    }
}
