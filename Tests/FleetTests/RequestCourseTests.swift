internal import Fleet
internal import Testing

/// One request's way over the endpoints, step by step.
@Suite struct RequestCourseTests {
    @Test func goesToAnotherEndpointWhenOneIsLost() {
        let trip = Trip(2)
        let first = trip.send()
        #expect(trip.lost(first) == [.left(first?.endpoint ?? trip.ids[0], reason: "reset")])
        let second = trip.send()
        #expect(second != nil && second?.endpoint != first?.endpoint)
        #expect(trip.lost(second).count == 1)
        #expect(trip.next() == .await, "nobody admits")
        #expect(trip.pool.retryCount == 2)
    }

    @Test func asksEachOnceAndSuspectsThemAll() {
        let trip = Trip(3)
        var asked: Set<EndpointID> = []
        for _ in 0..<3 {
            let lease = trip.send()
            #expect(trip.refused(lease) == [])
            if let lease { asked.insert(lease.endpoint) }
        }
        #expect(asked.count == 3)
        #expect(trip.next() == .await)
        #expect(trip.pool.members.allSatisfy { $0.health.isSuspected && $0.health.isAdmitting })

        // The one that has run a probe's chunk is asked again, and no other.
        trip.now += .seconds(1)
        trip.probe(trip.ids[1])
        let again = trip.send()
        #expect(again?.endpoint == trip.ids[1])
        #expect(trip.refused(again) == [])
        trip.probe(trip.ids[2])
        #expect(trip.next() == .pause(.milliseconds(100)), "others are to come first")
        trip.now += .milliseconds(100)
        let last = trip.send()
        #expect(last?.endpoint == trip.ids[2])
        trip.succeeded(last)
        let failures = trip.pool.members.map(\.failureCount)
        #expect(failures == [1, 2, 1])
    }

    @Test func blamesThoseThatFailedOnceAnotherCouldRunIt() {
        for _ in 0..<3 {
            let trip = Trip(2) { $0.health.failuresToEject = 1 }
            let first = trip.send()
            #expect(trip.refused(first) == [])
            let second = trip.send()
            let id = first?.endpoint ?? trip.ids[0]
            #expect(trip.succeeded(second) == [.left(id, reason: "no")])
        }
    }

    @Test func givesUpAfterSoManyErrors() {
        let trip = Trip(1)
        var pauses: [Duration] = []
        for count in 1...RequestCourse.maximumFailures {
            #expect(!trip.course.isExhausted)
            if count > 1 {
                trip.now += .seconds(1)
                trip.probe(trip.ids[0])
            }
            _ = trip.refused(trip.send())
            if case .pause(let pause) = trip.next() { pauses.append(pause) }
        }
        #expect(trip.course.isExhausted)
        #expect(trip.next() == .giveUp)
        #expect(pauses == [100, 200, 400, 800].map(Duration.milliseconds))
    }

    @Test func givesUpAtItsDeadline() {
        let trip = Trip(1, admitted: false)
        #expect(trip.next() == .await)
        trip.now += .seconds(10) - .milliseconds(1)
        #expect(trip.next() == .await)
        trip.now += .milliseconds(1)
        #expect(trip.next() == .giveUp)
    }

    /// What is left of the patience bounds an attempt, and an attempt that was cut short by it is no
    /// evidence.
    @Test func timeoutsShrink() {
        let trip = Trip(1)
        #expect(trip.course.timeout(at: trip.now) == .seconds(2))
        trip.now += .seconds(9)
        let timeout = trip.course.timeout(at: trip.now)
        #expect(timeout == .seconds(1))
        #expect(trip.lost(trip.send(), timeout: timeout) == [])
        #expect(trip.pool.hasAdmitting)
        let other = Trip(1)
        #expect(other.lost(other.send(), timeout: .seconds(2)).count == 1)
    }

    @Test func waitsForTheBudgetOfRetries() {
        let trip = Trip(2) {
            $0.retries.minimumRate = 0.2
            $0.retries.share = 0
        }
        while trip.pool.askForRetry(at: trip.now) == nil {}
        #expect(trip.refused(trip.send()) == [])
        #expect(trip.next() == .pause(.seconds(5)))
        trip.now += .seconds(5) + .milliseconds(1)
        #expect(trip.send() != nil)
    }

    @Test func whoIsUnsuitedIsNotToBlame() {
        let trip = Trip(2)
        let first = trip.send()
        trip.unsuited(first)
        let second = trip.send()
        #expect(second?.endpoint != first?.endpoint)
        trip.unsuited(second)
        #expect(trip.next() == .await)
        #expect(trip.pool.members.allSatisfy { !$0.health.isSuspected && $0.failureCount == 0 })
    }

    @Test func thePreferredOneIsTakenWhileItAdmits() {
        let trip = Trip(3)
        for id in trip.ids {
            var course = trip.newCourse()
            let step = course.next(preferring: id, &trip.pool, at: trip.now).step
            guard case .send(let lease) = step else {
                Issue.record("\(step)")
                continue
            }
            #expect(lease.endpoint == id)
        }
    }
}

/// A course and its pool where an expectation can drive them.
private final class Trip {
    var pool: EndpointPool
    var course: RequestCourse
    var now = Duration.seconds(1000)
    let ids: [EndpointID]

    init(
        _ count: Int,
        admitted: Bool = true,
        _ change: (inout EndpointPool.Settings) -> Void = { _ in }
    ) {
        var settings = EndpointPool.Settings()
        change(&settings)
        pool = EndpointPool(settings, seed: 1)
        ids = pool.setAddresses((0..<count).map { "\($0)" }, at: now).added
        course = RequestCourse(patience: .seconds(10), inferTimeout: .seconds(2), at: now)
        if admitted { for id in ids { probe(id) } }
    }

    func newCourse() -> RequestCourse {
        RequestCourse(patience: .seconds(10), inferTimeout: .seconds(2), at: now)
    }

    func probe(_ id: EndpointID) {
        _ = pool.beginProbe(id, at: now)
        _ = pool.endProbe(id, [.checkPassed, .probePassed], at: now)
    }

    func next() -> RequestCourse.Step { course.next(&pool, at: now).step }

    func send() -> Lease? {
        if case .send(let lease) = next() { lease } else { nil }
    }

    func lost(_ lease: Lease?, timeout: Duration? = nil) -> [EndpointPool.Change] {
        lease.map { course.lost($0, reason: "reset", timeout: timeout, &pool, at: now) } ?? []
    }

    func refused(_ lease: Lease?) -> [EndpointPool.Change] {
        lease.map { course.refused($0, reason: "no", &pool, at: now) } ?? []
    }

    @discardableResult
    func succeeded(_ lease: Lease?) -> [EndpointPool.Change] {
        lease.map { course.succeeded($0, &pool, at: now) } ?? []
    }

    func unsuited(_ lease: Lease?) {
        if let lease { _ = course.unsuited(lease, &pool, at: now) }
    }
}
