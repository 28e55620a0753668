internal import Foundation
internal import Testing

/// One run of the fault test: which Martlets stand before the Tritons, and what is done to these.
struct ChaosRun: Sendable, CustomTestStringConvertible {
    /// Faults in a run at most: it has to end within the suite's time limit.
    private static let maximumFaults = 40
    private static let shortFaults = 7
    private static let longFaults = 80

    /// Of each Martlet.
    var policies: [StatePolicy]
    var seed: UInt64
    var faults: Int

    var testDescription: String {
        policies.map(\.rawValue).joined(separator: " and ") + ", \(faults) faults, seed \(seed)"
    }

    /// Whether this is the long form, `make chaos`.
    static let isLong = environment["MARTLET_CHAOS"] == "long"

    /// The seed of the first run; each further run's is one more.
    static let seed: UInt64 =
        environment["MARTLET_CHAOS_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 0..<1_000_000_000)

    /// How all runs come again.
    static var hint: String {
        "repeat with MARTLET_CHAOS_SEED=\(seed)"
            + (environment["MARTLET_CHAOS_FAULTS"].map { " MARTLET_CHAOS_FAULTS=\($0)" } ?? "")
            + (isLong ? " make chaos" : " make test")
    }

    /// The short form is one run before all policies at once; the long one has them alone too.
    static let all: [ChaosRun] = {
        let faults =
            environment["MARTLET_CHAOS_FAULTS"].flatMap { Int($0) }
            ?? (isLong ? longFaults : shortFaults)
        let offered = StatePolicy.offered
        let mixed = [offered.first ?? .carried, offered.last ?? .carried]
        let fleets =
            isLong
            ? offered.map { [$0] } + offered.map { [$0, $0] }
                + (mixed[0] == mixed[1] ? [] : [mixed])
            : [mixed]
        // Every fleet has its turn, and none too many faults in a run.
        let rounds = (faults + fleets.count * maximumFaults - 1) / (fleets.count * maximumFaults)
        let count = max(rounds, 1) * fleets.count
        return (0..<count).map { index in
            ChaosRun(
                policies: fleets[index % fleets.count],
                seed: seed &+ UInt64(index),
                faults: faults / count + (index < faults % count ? 1 : 0)
            )
        }
    }()

    var timing: FaultPlan.Timing {
        Self.isLong
            ? FaultPlan.Timing(
                pauseMilliseconds: 2_000...8_000,
                outageMilliseconds: 500...6_000,
                stall: .seconds(10)
            )
            : FaultPlan.Timing(
                pauseMilliseconds: 500...3_000,
                outageMilliseconds: 500...3_000,
                stall: .seconds(4)
            )
    }

    /// Before the first fault.
    var calm: Duration { .seconds(Self.isLong ? 20 : 8) }

    /// The most speech in a stream.
    var length: Duration { .seconds(Self.isLong ? 12 : 5) }

    private static var environment: [String: String] { ProcessInfo.processInfo.environment }
}
