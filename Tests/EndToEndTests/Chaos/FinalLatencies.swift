/// Times from the end of the speech to the last final result, by what happened to a stream.
struct FinalLatencies {
    /// So long after a fault, or after it was undone, streams may still feel it.
    private static let reach = Duration.seconds(3)
    /// A stream whose speech ended so long before a fault may still have been at its last chunks.
    private static let lag = Duration.milliseconds(320)

    /// Latencies of streams to which faults of a kind happened.
    struct Group: Equatable {
        /// Of those that were open at one.
        var open: [Duration] = []
        /// Of those whose speech ended soon after one: those that feel it most.
        var ending: [Duration] = []
    }

    /// Of streams while all servers were well.
    private(set) var undisturbed: [Duration] = []
    /// Of streams at faults that end connections: kills, drains and restarts.
    private(set) var loud = Group()
    /// Of streams at faults that only deadlines find, and perhaps others too.
    private(set) var silent = Group()
    /// Of streams whose speech ended later, while a server was still away.
    private(set) var away: [Duration] = []

    /// - Parameter deadline: After which a silent fault is found.
    init(
        _ streams: [LiveStream],
        _ injections: [FaultInjector.Injection],
        deadline: Duration
    ) {
        for stream in streams {
            guard let latency = stream.latency else { continue }
            let near = injections.filter {
                stream.opened < ($0.undone ?? stream.closed) + Self.reach
                    && $0.at < stream.closed
            }
            if near.isEmpty {
                undisturbed.append(latency)
                continue
            }
            let open = near.filter { stream.opened <= $0.at }
            let ending = near.filter {
                let felt = ($0.kind.isSilent ? deadline : .zero) + Self.reach
                return $0.at - Self.lag <= stream.spoken && stream.spoken < $0.at + felt
            }
            if open.contains(where: \.kind.isSilent) {
                silent.open.append(latency)
            } else if !open.isEmpty {
                loud.open.append(latency)
            }
            if ending.contains(where: \.kind.isSilent) {
                silent.ending.append(latency)
            } else if !ending.isEmpty {
                loud.ending.append(latency)
            } else {
                away.append(latency)
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
            ("ending at one", silent.ending), ("ending while a server was away", away),
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
