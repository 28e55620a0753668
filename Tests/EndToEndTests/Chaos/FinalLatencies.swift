/// Times from the end of the speech to the last final result, by what happened to a stream.
struct FinalLatencies {
    /// So long after a fault, or after it was undone, streams may still feel it.
    private static let reach = Duration.seconds(3)
    /// A stream whose speech ended so long before a fault may still have been at its last chunks.
    private static let lag = Duration.milliseconds(320)

    /// Latencies of streams to which the same kind of thing happened.
    struct Group {
        /// Open at some fault.
        var open: [Duration] = []
        /// Those of them whose speech ended while the fault could be felt.
        var ending: [Duration] = []
    }

    /// Of streams at none of whose time a server was hurt.
    private(set) var undisturbed: [Duration] = []
    /// Of streams at faults that end connections: kills, drains and restarts.
    private(set) var loud = Group()
    /// Of streams at faults that only deadlines find, and perhaps others too.
    private(set) var silent = Group()

    init(_ streams: [LiveStream], _ injections: [FaultInjector.Injection]) {
        for stream in streams {
            guard let latency = stream.latency else { continue }
            var isDisturbed = false
            // [silent]: whether it was open then, and whether it ended then.
            var isOpen = [false, false]
            var isEnding = [false, false]
            for injection in injections {
                let undone = (injection.undone ?? stream.closed) + Self.reach
                guard stream.opened < undone, injection.at < stream.closed else { continue }
                isDisturbed = true
                let isSilent = injection.kind.isSilent
                let felt = isSilent ? undone : injection.at + Self.reach
                guard stream.opened < felt else { continue }
                isOpen[isSilent ? 1 : 0] = true
                if injection.at - Self.lag <= stream.spoken, stream.spoken < felt {
                    isEnding[isSilent ? 1 : 0] = true
                }
            }
            if isOpen[1] {
                silent.open.append(latency)
                if isEnding[1] { silent.ending.append(latency) }
            } else if isOpen[0] {
                loud.open.append(latency)
                if isEnding[0] { loud.ending.append(latency) }
            } else if !isDisturbed {
                undisturbed.append(latency)
            }
        }
    }

    /// The latency that a share of the streams kept to (nearest rank); nil without streams.
    static func percentile(_ percent: Int, of latencies: [Duration]) -> Duration? {
        guard !latencies.isEmpty else { return nil }
        let rank = (latencies.count * percent + 99) / 100
        return latencies.sorted()[max(rank, 1) - 1]
    }

    /// By how much the 95th percentile exceeds that of undisturbed streams; nil without streams.
    func growth(of latencies: [Duration]) -> Duration? {
        guard
            let disturbed = Self.percentile(95, of: latencies),
            let calm = Self.percentile(95, of: undisturbed)
        else { return nil }
        return disturbed - calm
    }

    var lines: [String] {
        [
            ("undisturbed", undisturbed), ("open at a kill, drain or restart", loud.open),
            ("ending at one", loud.ending), ("open at a stall or dead backend", silent.open),
            ("ending at one", silent.ending),
        ].map { name, latencies in
            let figures = [50, 95, 99, 100].map { percent in
                Self.percentile(percent, of: latencies)
                    .map { "\(Int($0 / .milliseconds(1)))" } ?? "-"
            }
            return "\(name): \(latencies.count) streams, final after"
                + " p50 \(figures[0]) p95 \(figures[1]) p99 \(figures[2]) max \(figures[3]) ms"
        }
    }
}
