internal import Fleet
internal import TestSupport

/// What a server does with what it is sent, in a simulation: nothing of it is known to the fleet but
/// by its answers.
struct SimulatedServer {
    enum Condition: Equatable {
        case well
        /// Answers after so many times its usual time, perhaps after every deadline.
        case slow(Double)
        /// Answers such a share of the chunks with an error, probes' or not.
        case failing(Double)
        /// Says that it is ready and fails at every chunk, as Triton does without its backend.
        case withoutBackend
        /// Runs probes' chunks and answers others with errors, at once.
        case lyingByErrors
        /// Runs probes' chunks and loses others.
        case lyingByLosses
        /// Runs probes' chunks and answers others never.
        case lyingBySilence
        /// Says that it is not ready.
        case unready
        /// Refuses connections, and ends those there were.
        case dead
        /// Does not answer, as a stopped process or a broken network.
        case silent

        /// One that is not well.
        static func bad(_ random: inout SplitMix64) -> Condition {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: .slow(Double.random(in: 2...400, using: &random))
            case 1: .failing(Double.random(in: 0.01...1, using: &random))
            case 2: .withoutBackend
            case 3: .lyingByErrors
            case 4: .lyingByLosses
            case 5: .lyingBySilence
            case 6: .unready
            case 7: .dead
            default: .silent
            }
        }
    }

    /// What becomes of a request.
    enum Fate: Equatable {
        case answered(after: Duration)
        case refused(after: Duration)
        case lost(after: Duration)
        /// No answer comes.
        case silence
    }

    let address: String
    /// What a chunk takes when nothing else is to do, give or take a fifth.
    var serviceTime: Duration
    /// Chunks that it runs at a time.
    var concurrency: Int
    var condition = Condition.well
    var conditionSince = Duration.zero
    /// When each place for a chunk is free.
    private var places: [Duration]

    init(address: String, serviceTime: Duration, concurrency: Int = 8) {
        self.address = address
        self.serviceTime = serviceTime
        self.concurrency = concurrency
        places = [Duration](repeating: .zero, count: concurrency)
    }

    private static let roundTrip = Duration.microseconds(300)

    /// A chunk arrives.
    ///
    /// - Parameter isPoison: whether no server can run it.
    mutating func run(
        isProbe: Bool,
        isPoison: Bool = false,
        at now: Duration,
        _ random: inout SplitMix64
    ) -> Fate {
        switch condition {
        case .dead: return .lost(after: Self.roundTrip)
        case .silent: return .silence
        case .withoutBackend, .unready: return .refused(after: Self.roundTrip)
        case .lyingByErrors where !isProbe: return .refused(after: Self.roundTrip)
        case .lyingByLosses where !isProbe: return .lost(after: Self.roundTrip)
        case .lyingBySilence where !isProbe: return .silence
        case .failing(let share) where Double.random(in: 0..<1, using: &random) < share:
            return .refused(after: Self.roundTrip)
        default: break
        }
        if isPoison { return .refused(after: Self.roundTrip) }
        var time = serviceTime.seconds * Double.random(in: 0.8...1.2, using: &random)
        if case .slow(let factor) = condition { time *= factor }
        let place = places.indices.min { places[$0] < places[$1] } ?? 0
        places[place] = max(places[place], now) + .seconds(time)
        return .answered(after: places[place] - now + Self.roundTrip)
    }

    /// What a check finds, and after which time; nil when it is not answered.
    func check() -> (events: [EndpointHealth.Event], time: Duration)? {
        switch condition {
        case .silent: nil
        case .dead: ([.checkUnanswered(reason: "refused")], Self.roundTrip)
        case .unready: ([.unfit(reason: "not ready")], Self.roundTrip)
        default: ([.checkPassed], Self.roundTrip)
        }
    }

    /// What was under way is gone.
    mutating func restart(at now: Duration) {
        places = [Duration](repeating: now, count: concurrency)
    }

    /// Whether it has run every chunk well since then.
    func isWell(since time: Duration) -> Bool { condition == .well && conditionSince <= time }
}
