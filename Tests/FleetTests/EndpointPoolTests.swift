internal import Fleet
internal import Testing

/// The pool by its decisions and by the changes that it tells of.
@Suite struct EndpointPoolTests {
    // MARK: Members

    @Test func endpointsComeAndGo() {
        let pool = Pool(2, admitted: true)
        let lease = pool.lease()
        let (added, removed) = pool.value.setAddresses(["1", "2"], at: pool.now)
        #expect(removed == [pool.ids[0]])
        #expect(pool.value.members.map(\.address) == ["1", "2"])
        #expect(pool.value.isAdmitting(pool.ids[1]), "what stays is as it was")
        #expect(!pool.value.isAdmitting(pool.ids[0]))
        #expect(!pool.value.isAdmitting(added[0]))
        #expect(pool.end(lease, .lost(reason: "gone")).allSatisfy { $0 != .admitted(added[0]) })
        let back = pool.value.setAddresses(["0"], at: pool.now).added
        #expect(!pool.ids.contains(back[0]), "an address that comes back is another endpoint")
    }

    @Test func workIsForThoseThatAdmit() {
        let pool = Pool(3)
        #expect(pool.lease() == nil)
        #expect(!pool.value.hasAdmitting)
        pool.admit(pool.ids[1])
        for _ in 0..<10 { #expect(pool.lease()?.endpoint == pool.ids[1]) }
        #expect(pool.lease(excluding: [pool.ids[1]]) == nil)
        #expect(pool.lease(below: 10) == nil)
        #expect(!pool.value.hasRoom(below: 10))
        #expect(pool.lease(below: 11) != nil)
        #expect(pool.value.lease(on: pool.ids[0], at: pool.now) == nil)
    }

    @Test func aLeaseEndsOnce() {
        let pool = Pool(1, admitted: true)
        let lease = pool.lease(rows: 5)
        #expect(pool.value.members[0].load.outstandingRows == 5)
        #expect(pool.end(lease, .succeeded) == [])
        #expect(pool.end(lease, .lost(reason: "again")) == [])
        #expect(pool.value.members[0].load.outstandingRequests == 0)
        #expect(pool.value.members[0].requestCount == 1)
        #expect(pool.value.members[0].failureCount == 0)
    }

    // MARK: Evidence

    @Test func aLossIsTold() {
        let pool = Pool(2, admitted: true)
        let lease = pool.lease()
        let other = pool.lease(on: lease?.endpoint)
        let id = lease?.endpoint ?? pool.ids[0]
        #expect(pool.end(lease, .lost(reason: "reset")) == [.left(id, reason: "reset")])
        #expect(pool.end(other, .lost(reason: "reset")) == [], "once")
        #expect(pool.value.complaints == "\(pool.value.member(id)?.address ?? ""): reset")
    }

    /// A request whose deadline passes after the server was started anew says nothing about that.
    @Test func lossesFromBeforeAnAdmissionDoNotCount() {
        let pool = Pool(1, admitted: true)
        let (lease, late) = (pool.lease(), pool.lease())
        _ = pool.end(lease, .lost(reason: "reset"))
        pool.admit(pool.ids[0])
        #expect(pool.end(late, .lost(reason: "late")) == [])
        #expect(pool.value.hasAdmitting)
        #expect(pool.value.members[0].load.outstandingRequests == 0)
    }

    @Test func errorsCountOnceAnotherEndpointCouldRunTheChunk() {
        let pool = Pool(2, admitted: true)
        for _ in 0..<10 { #expect(pool.end(pool.lease(on: pool.ids[0]), .failed) == []) }
        #expect(pool.value.isAdmitting(pool.ids[0]))
        #expect(pool.blame(pool.ids[0]) == [])
        #expect(pool.blame(pool.ids[0]) == [])
        #expect(pool.blame(pool.ids[0]) == [.left(pool.ids[0], reason: "no")])
        #expect(pool.value.members[0].health.isEjected(at: pool.now))
    }

    @Test func noMoreAreEjectedThanMayBe() {
        let pool = Pool(5, admitted: true)
        for id in pool.ids { for _ in 0..<10 { _ = pool.blame(id) } }
        #expect(pool.ejectedCount == 2)
        pool.now += .seconds(1)
        #expect(pool.ejectedCount == 0)
        _ = pool.blame(pool.ids[2])
        #expect(pool.ejectedCount == 1, "those whose time is over do not count")
    }

    @Test func theLastOneIsNotEjected() {
        let pool = Pool(3) { $0.maximumEjectedShare = 1 }
        for id in pool.ids[...1] { pool.admit(id) }
        for id in pool.ids[...1] { for _ in 0..<10 { _ = pool.blame(id) } }
        #expect(pool.ejectedCount == 1)
        #expect(pool.value.hasAdmitting)
    }

    @Test func someAreReleasedWhenOthersGo() {
        let pool = Pool(4, admitted: true)
        for id in pool.ids[...1] { for _ in 0..<3 { _ = pool.blame(id) } }
        #expect(pool.ejectedCount == 2)
        _ = pool.value.setAddresses(["0", "1", "2"], at: pool.now)
        #expect(pool.ejectedCount == 1)
    }

    @Test func outliersAreEjected() {
        let pool = Pool(5, admitted: true) { $0.health.failuresToEject = 1000 }
        _ = pool.blame(pool.ids[4])
        for id in pool.ids {
            for number in 0..<100 {
                _ = pool.end(pool.lease(on: id), .succeeded)
                if id == pool.ids[3], number % 3 == 0 { _ = pool.blame(id) }
            }
        }
        #expect(pool.ejectedCount == 0)
        pool.now += .seconds(10)
        let changes = pool.end(pool.lease(on: pool.ids[0]), .succeeded)
        #expect(
            changes == [
                .left(
                    pool.ids[3],
                    reason: "runs 74.6% of its requests, all run 94.7%"
                )
            ]
        )
    }

    // MARK: Suspicion

    @Test func aSuspectIsProbedWhileItAdmits() {
        let pool = Pool(1, admitted: true)
        let id = pool.ids[0]
        #expect(pool.value.nextProbeTime(at: pool.now) ?? .zero > pool.now)
        pool.now += .milliseconds(500)
        #expect(pool.suspect(id) == [.suspected(id)])
        #expect(pool.suspect(id) == [], "it is already")
        #expect(pool.lease()?.endpoint == id)
        #expect(pool.beginDueProbes() == [.init(endpoint: id, wantsChunk: true)])
        #expect(pool.endProbe(id, [.checkPassed, .probePassed]) == [.cleared(id)])
        pool.now += .seconds(1)
        _ = pool.suspect(id)
        _ = pool.beginDueProbes()
        #expect(
            pool.endProbe(id, [.checkPassed, .probeFailed(reason: "no")])
                == [.left(id, reason: "no")]
        )
    }

    // MARK: Probes

    @Test func oneProbeOfAnEndpointAtATime() {
        let pool = Pool(2)
        let due = pool.ids.map { EndpointPool.DueProbe(endpoint: $0, wantsChunk: true) }
        #expect(pool.beginDueProbes() == due)
        #expect(pool.beginDueProbes() == [])
        #expect(pool.value.nextProbeTime(at: pool.now) == nil)
        #expect(pool.beginProbe(pool.ids[0]) == nil)
        #expect(
            pool.endProbe(pool.ids[0], [.checkPassed, .probePassed]) == [.admitted(pool.ids[0])]
        )
        #expect(pool.endProbe(pool.ids[0], [.unfit(reason: "twice")]) == [])
        #expect(pool.beginProbe(pool.ids[0]) == false, "there is nothing to find out by a chunk")
    }

    @Test func checksAreSpreadAroundTheInterval() {
        let pool = Pool(50, admitted: true) { $0.checkInterval = .seconds(10) }
        let start = pool.now
        var times: [Duration] = []
        while let next = pool.value.nextProbeTime(at: pool.now) {
            pool.now = next
            for probe in pool.beginDueProbes() {
                #expect(!probe.wantsChunk)
                times.append(next - start)
            }
        }
        #expect(times.count == 50)
        #expect(times.allSatisfy { $0 >= .seconds(8) && $0 <= .seconds(12) })
        #expect((times.max() ?? .zero) - (times.min() ?? .zero) > .seconds(2))
    }

    /// What an endpoint could do before it was left does not bring it back.
    @Test func aProbeFromBeforeADepartureDoesNotCount() {
        let pool = Pool(1, admitted: true)
        let id = pool.ids[0]
        pool.now += .milliseconds(500)
        _ = pool.suspect(id)
        #expect(pool.beginDueProbes() == [.init(endpoint: id, wantsChunk: true)])
        _ = pool.end(pool.lease(), .lost(reason: "reset"))
        #expect(pool.endProbe(id, [.checkPassed, .probePassed]) == [])
        #expect(!pool.value.hasAdmitting)
        #expect(pool.beginDueProbes() == [.init(endpoint: id, wantsChunk: true)])
        #expect(pool.endProbe(id, [.checkPassed, .probePassed]) == [.admitted(id)])
    }

    /// An ejected endpoint is probed early when a request waits that the others cannot run.
    @Test func needShortensPauses() {
        let pool = Pool(2, admitted: true)
        let id = pool.ids[0]
        for _ in 0..<3 { _ = pool.blame(id) }
        #expect(pool.beginDueProbes() == [])
        pool.value.noteNeed(until: pool.now + .seconds(5))
        #expect(pool.beginDueProbes() == [.init(endpoint: id, wantsChunk: true)])
    }

    @Test func theServedVersionIsRemembered() {
        let pool = Pool(1)
        let id = pool.ids[0]
        #expect(pool.value.member(id)?.servedVersion == nil)
        _ = pool.beginDueProbes()
        _ = pool.value.endProbe(id, [.probePassed], servedVersion: "7", at: pool.now)
        #expect(pool.value.member(id)?.servedVersion == "7")
    }

    // MARK: Balancing

    @Test func roundRobinTakesTurns() {
        let pool = Pool(3, admitted: true) { $0.balancing = .roundRobin }
        let turns = (0..<6).compactMap { _ in pool.lease()?.endpoint.number }
        #expect(Set(turns[..<3]).count == 3)
        #expect(turns[..<3] == turns[3...])
    }

    @Test func theBetterOfTwoIsTaken() {
        let pool = Pool(2, admitted: true)
        pool.run(on: pool.ids[0], for: .milliseconds(30))
        pool.run(on: pool.ids[1], for: .milliseconds(10))
        // 10 ms three times over is as much as 30 ms.
        let endpoints = (0..<400).map { _ in pool.lease()?.endpoint.number }
        #expect((280...320).contains(endpoints.count { $0 == 1 }))
    }

    /// At a quiet hour, too, when nothing is under way.
    @Test func equalsShareWhatTheresToDo() {
        let pool = Pool(2, admitted: true)
        pool.run(on: pool.ids[0], for: .milliseconds(10))
        pool.run(on: pool.ids[1], for: .milliseconds(11))
        let endpoints = (0..<200).map { _ in
            let lease = pool.lease()
            defer { _ = pool.end(lease, .abandoned) }
            return lease?.endpoint.number
        }
        #expect((70...130).contains(endpoints.count { $0 == 1 }))
    }

    @Test func whoHasAnsweredNothingIsTakenToBeAsSlowAsAny() {
        let pool = Pool(2, admitted: true)
        pool.run(on: pool.ids[0], for: .microseconds(10))
        let endpoints = (0..<200).map { _ in pool.lease()?.endpoint.number }
        #expect((80...120).contains(endpoints.count { $0 == 1 }))
    }

    @Test func aNewEndpointStartsSlowly() {
        let pool = Pool(2)
        pool.admit(pool.ids[0])
        pool.now += .seconds(100)
        pool.admit(pool.ids[1])
        func share() -> Int {
            let leases = (0..<110).map { _ in pool.lease() }
            defer { for lease in leases { _ = pool.end(lease, .abandoned) } }
            return leases.count { $0?.endpoint == pool.ids[1] }
        }
        #expect((5...15).contains(share()), "a tenth of the other's")
        pool.now += .milliseconds(2_500)
        #expect((30...42).contains(share()), "half")
        pool.now += .milliseconds(2_500)
        #expect((50...60).contains(share()))
    }
}

/// The pool where an expectation can drive it.
private final class Pool {
    var value: EndpointPool
    var now = Duration.seconds(1000)
    let ids: [EndpointID]

    init(
        _ count: Int,
        admitted: Bool = false,
        _ change: (inout EndpointPool.Settings) -> Void = { _ in }
    ) {
        var settings = EndpointPool.Settings()
        change(&settings)
        value = EndpointPool(settings, seed: 1)
        ids = value.setAddresses((0..<count).map { "\($0)" }, at: now).added
        if admitted { for id in ids { admit(id) } }
    }

    func admit(_ id: EndpointID) {
        _ = value.beginProbe(id, at: now)
        _ = value.endProbe(id, [.checkPassed, .probePassed], at: now)
    }

    var ejectedCount: Int { value.members.count { $0.health.isEjected(at: now) } }

    func lease(
        rows: Int = 1,
        excluding excluded: [EndpointID] = [],
        below limit: Int = .max
    ) -> Lease? {
        value.lease(rows: rows, excluding: excluded, below: limit, at: now)
    }

    func lease(on id: EndpointID?) -> Lease? { id.flatMap { value.lease(on: $0, at: now) } }

    func end(_ lease: Lease?, _ outcome: EndpointPool.Outcome) -> [EndpointPool.Change] {
        lease.map { value.end($0, outcome, at: now) } ?? []
    }

    /// A request that is answered after a while.
    func run(on id: EndpointID, for time: Duration) {
        let lease = lease(on: id)
        now += time
        _ = end(lease, .succeeded)
    }

    func blame(_ id: EndpointID) -> [EndpointPool.Change] {
        value.blame(id, reason: "no", at: now)
    }

    func suspect(_ id: EndpointID) -> [EndpointPool.Change] {
        value.suspect(id, reason: "no", at: now)
    }

    func beginProbe(_ id: EndpointID) -> Bool? { value.beginProbe(id, at: now) }

    func beginDueProbes() -> [EndpointPool.DueProbe] { value.beginDueProbes(at: now) }

    func endProbe(
        _ id: EndpointID,
        _ events: [EndpointHealth.Event]
    ) -> [EndpointPool.Change] {
        value.endProbe(id, events, at: now)
    }
}
