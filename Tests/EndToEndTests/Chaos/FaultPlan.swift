internal import TestSupport

/// One thing that is done to one of several servers, and undone after a while.
struct Fault: Sendable, Equatable {
    enum Kind: String, Sendable, CaseIterable {
        /// SIGKILL of the server, which is started again.
        case kill
        /// SIGTERM of the server: it answers what it has and goes. It is started again later.
        case drain
        /// SIGSTOP of the server, and SIGCONT.
        case stall
        /// SIGTERM of the server, which is started again as soon as it has gone.
        case restart
        /// SIGKILL of the processes that run the models under a server that goes on and calls
        /// itself ready. The server is restarted.
        case backendKill

        /// Whether connections stay and the server goes on to be ready, or silent: only requests
        /// that are not answered in time tell.
        var isSilent: Bool { self == .stall || self == .backendKill }
    }

    var kind: Kind
    /// How long after the fault before.
    var pause: Duration
    /// Every server, in the order in which this fault would have them.
    var preference: [Int]
    /// How long before it is undone.
    var outage: Duration

    /// Whom it hits, such that a healthy server is left; nil when that cannot be.
    func target(among healthy: Set<Int>) -> Int? {
        guard healthy.count > 1 else { return nil }
        return preference.first(where: healthy.contains)
    }
}

/// The faults of one run, all that is random in them drawn from a seed.
struct FaultPlan: Sendable, Equatable {
    struct Timing: Sendable {
        /// Between two faults, in milliseconds.
        var pauseMilliseconds: ClosedRange<Int>
        /// Of a dead server or backend, in milliseconds, until it is started again.
        var outageMilliseconds: ClosedRange<Int>
        var stall: Duration
    }

    var faults: [Fault]

    /// - Parameter servers: How many there are.
    init(seed: UInt64, count: Int, servers: Int, timing: Timing) {
        var random = SplitMix64(seed: seed)
        var kinds: [Fault.Kind] = []
        // Each kind comes once before any comes again.
        while kinds.count < count { kinds += Fault.Kind.allCases.shuffled(using: &random) }
        faults = kinds.prefix(count).map { kind in
            let pause = Int.random(in: timing.pauseMilliseconds, using: &random)
            let preference = (0..<servers).shuffled(using: &random)
            let outage = Int.random(in: timing.outageMilliseconds, using: &random)
            return Fault(
                kind: kind,
                pause: .milliseconds(pause),
                preference: preference,
                outage: kind == .stall
                    ? timing.stall : kind == .restart ? .zero : .milliseconds(outage)
            )
        }
    }
}
