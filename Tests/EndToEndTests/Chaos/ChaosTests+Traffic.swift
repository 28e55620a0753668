internal import TestSupport
internal import Testing

/// Streams that went wrong of which more is told than their number.
private let complaintsTold = 20

extension EndToEnd.Chaos {
    /// Runs `body` with a Martlet of each policy in front of all Tritons.
    func withMartlets(
        _ policies: [StatePolicy],
        _ body: ([Martlet]) async throws -> Void
    ) async throws {
        let laboratory = try #require(Laboratory.current)
        var martlets: [Martlet] = []
        do {
            for policy in policies {
                // Refusing streams when servers are few is not what is tried here.
                let settings = [
                    "admission: { headroom: 1m }",
                    "infer_timeout: \(Self.inferTimeout.components.seconds)s",
                    policy.modelSettings,
                ]
                let martlet = try await Martlet(
                    laboratory.places,
                    directory: laboratory.directory,
                    endpoints: fleet.addresses,
                    modelSettings: settings.filter { !$0.isEmpty }.joined(separator: ", ")
                )
                martlets.append(martlet)
                try await martlet.modelIsServing()
            }
            try await body(martlets)
        } catch {
            for martlet in martlets { await martlet.stop() }
            throw error
        }
        for martlet in martlets { await martlet.stop() }
    }

    /// Tells which streams went wrong; the log tells what happened when.
    func check(
        _ streams: [LiveStream],
        of traffic: LiveTraffic,
        _ log: ChaosLog
    ) {
        let complaints = streams.compactMap { stream in
            traffic.complaint(of: stream).map { complaint in
                "lane \(stream.lane), martlet \(stream.martlet),"
                    + " \(log.time(stream.opened)) to \(log.time(stream.closed)),"
                    + " \(traffic.passages[stream.passage].name): \(complaint)"
            }
        }
        #expect(!streams.isEmpty)
        let failed = streams.count { $0.failure != nil }
        log.note(
            "\(streams.count) streams, \(failed) of them failed,"
                + " \(complaints.count - failed) said what they should not"
        )
        for complaint in complaints.prefix(complaintsTold) { log.note(complaint) }
        if !complaints.isEmpty { log.tellLogs(of: traffic.martlets) }
        #expect(
            complaints.isEmpty,
            "\(complaints.count) of \(streams.count) streams went wrong; \(ChaosRun.hint)"
        )
    }

    /// What streams will say, and what has to come of it.
    func traffic(
        of passages: Int,
        length: Duration,
        seed: UInt64,
        on martlets: [Martlet]
    ) async throws -> LiveTraffic {
        var random = SplitMix64(seed: seed)
        return try await LiveTraffic(
            Passage.drawn(passages, length: length, from: recordings, using: &random),
            on: martlets
        )
    }
}
