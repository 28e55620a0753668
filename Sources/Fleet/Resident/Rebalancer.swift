/// When a stream whose state lives on a loaded endpoint moves to another one, as a pure value.
///
/// Streams are long, and endpoints come back empty: what was well placed once is not for ever. An
/// endpoint's burden is its latency times the streams that live there. An endpoint whose burden has
/// been more than ``Settings/costRatio`` times that of another with one stream more, for as long as
/// ``Settings/persistence``, gives streams away until the ratio is down to
/// ``Settings/settledRatio``; all endpoints together no more than
/// ``Settings/maximumMovesPerSecond``.
package struct Rebalancer: Sendable {
    package struct Settings: Sendable, Equatable {
        /// Streams leave an endpoint that is so many times as burdened as another one,
        package var costRatio = 2.0
        /// once it has been for so long,
        package var persistence: Duration = .seconds(2)
        /// until it is no more than so many times as burdened.
        package var settledRatio = 1.25
        /// Latencies below this count as this: differences between them are noise.
        package var minimumLatency: Duration = .milliseconds(1)
        /// Moves a second, over all endpoints; zero for none at all.
        package var maximumMovesPerSecond = 8.0

        package init() {}
    }

    /// What counts of an endpoint that admits.
    package struct Candidate: Sendable {
        package var id: EndpointID
        package var latency: Duration?
        package var streamCount: Int

        package init(id: EndpointID, latency: Duration?, streamCount: Int) {
            self.id = id
            self.latency = latency
            self.streamCount = streamCount
        }
    }

    private let settings: Settings
    /// Endpoints that are too burdened, since when.
    private var burdened: [EndpointID: Duration] = [:]
    private var lastMove: Duration?
    package private(set) var moveCount = 0

    package init(_ settings: Settings) {
        self.settings = settings
    }

    /// Asks whether a stream is to move, at a time when moving costs little.
    ///
    /// - Parameters:
    ///   - id: where it lives.
    ///   - candidates: every endpoint that admits.
    /// - Returns: where it is to live; nil when it stays.
    package mutating func move(
        from id: EndpointID,
        among candidates: [Candidate],
        at now: Duration
    ) -> EndpointID? {
        guard settings.maximumMovesPerSecond > 0 else { return nil }
        burdened = burdened.filter { burden in candidates.contains { $0.id == burden.key } }
        guard let home = candidates.first(where: { $0.id == id }),
            // What nothing is known of is held to be as slow as this one.
            let latency = home.latency
        else { return nil }
        func burden(_ candidate: Candidate, _ streamCount: Int) -> Double {
            max(candidate.latency ?? latency, settings.minimumLatency).seconds
                * Double(streamCount)
        }
        let others = candidates.filter { $0.id != id }.map {
            (id: $0.id, burden: burden($0, $0.streamCount + 1))
        }
        guard let best = others.min(by: { $0.burden < $1.burden }) else { return nil }
        let present = burden(home, home.streamCount)
        guard let since = burdened[id] else {
            if present > settings.costRatio * best.burden { burdened[id] = now }
            return nil
        }
        guard present > settings.settledRatio * best.burden else {
            burdened[id] = nil
            return nil
        }
        guard now - since >= settings.persistence else {
            if present <= settings.costRatio * best.burden { burdened[id] = nil }
            return nil
        }
        if let lastMove, (now - lastMove).seconds * settings.maximumMovesPerSecond < 1 {
            return nil
        }
        lastMove = now
        moveCount += 1
        return best.id
    }
}
