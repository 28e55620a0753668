internal import Fleet
internal import Synchronization
internal import Testing

@Suite(.timeLimit(.minutes(1))) struct ReadinessTests {
    private let readiness = Readiness()

    @Test func tellsTheValueNowAndEachChange() async {
        var changes = readiness.changes().makeAsyncIterator()
        #expect(await changes.next() == false)
        readiness.update { true }
        #expect(readiness.isReady)
        #expect(await changes.next() == true)
        readiness.update { false }
        #expect(await changes.next() == false)
        var late = readiness.changes().makeAsyncIterator()
        #expect(await late.next() == false)
    }

    @Test func whatDoesNotChangeIsNotTold() async {
        var changes = readiness.changes().makeAsyncIterator()
        _ = await changes.next()
        readiness.update { false }
        readiness.update { true }
        #expect(await changes.next() == true)
        readiness.update { true }
        readiness.update { false }
        #expect(await changes.next() == false)
    }

    @Test func aSlowWatcherSeesTheLatest() async {
        var changes = readiness.changes().makeAsyncIterator()
        for _ in 0..<10 {
            readiness.update { true }
            readiness.update { false }
        }
        readiness.update { true }
        #expect(await changes.next() == true)
        readiness.finish()
        #expect(await changes.next() == false)
        #expect(await changes.next() == nil)
    }

    @Test(arguments: [false, true])
    func theEndIsNoForEveryWatcher(_ wasReady: Bool) async {
        readiness.update { wasReady }
        var watchers = (0..<3).map { _ in readiness.changes().makeAsyncIterator() }
        for index in watchers.indices { #expect(await watchers[index].next() == wasReady) }
        readiness.finish()
        #expect(!readiness.isReady)
        for index in watchers.indices {
            if wasReady { #expect(await watchers[index].next() == false) }
            #expect(await watchers[index].next() == nil)
        }
    }

    @Test func nothingComesAfterTheEnd() async {
        readiness.finish()
        readiness.update { true }
        #expect(!readiness.isReady)
        readiness.finish()
        var late = readiness.changes().makeAsyncIterator()
        #expect(await late.next() == false)
        #expect(await late.next() == nil)
    }

    /// Each update looks for itself; however they race, the last to look is believed, so the value
    /// cannot stay behind what it is about.
    @Test func theLastToLookIsBelieved() async {
        let watched = readiness.changes()
        for round in 0..<300 {
            let truth = Truth(round.isMultiple(of: 2))
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        truth.toggle()
                        readiness.update { truth.isOn }
                    }
                }
            }
            #expect(readiness.isReady == truth.isOn, "round \(round)")
        }
        let last = readiness.isReady
        var changes = watched.makeAsyncIterator()
        #expect(await changes.next() == last)
    }
}

/// What the readiness is about, changed by several tasks.
private final class Truth: Sendable {
    private let value: Mutex<Bool>

    init(_ isOn: Bool) {
        value = Mutex(isOn)
    }

    var isOn: Bool { value.withLock { $0 } }

    func toggle() {
        value.withLock { $0.toggle() }
    }
}
