internal import Fleet
internal import TestSupport
internal import Testing

struct AdmissionControlTests {
    /// A control and a clock, with chunks coming in every 3 ms.
    private final class Stage {
        var control: AdmissionControl
        var now = Duration.zero

        init(_ adjust: (inout AdmissionControl.Settings) -> Void = { _ in }) {
            var settings = AdmissionControl.Settings()
            settings.headroom = .milliseconds(40)
            adjust(&settings)
            control = AdmissionControl(settings)
        }

        func run(_ count: Int, latency: Duration) {
            for _ in 0..<count {
                now += .milliseconds(3)
                control.note(latency: latency, at: now)
            }
        }

        /// - Returns: how many of so many streams are let in, one every 10 ms.
        func open(_ count: Int) -> Int {
            (0..<count).count { _ in
                now += .milliseconds(10)
                control.note(latency: control.latency(at: now) ?? .milliseconds(20), at: now)
                return control.open(at: now) == nil
            }
        }
    }

    @Test("Whoever comes is let in while nothing is known and while chunks are as fast as ever")
    func letsIn() {
        let stage = Stage()
        #expect(stage.open(200) == 200)
        stage.run(100, latency: .milliseconds(20))
        #expect(stage.open(100) == 100)
        #expect(stage.control.openStreams == 300)
    }

    @Test("A few a second are let in when chunks take somewhat longer, and none when much longer")
    func refuses() {
        let stage = Stage()
        stage.run(200, latency: .milliseconds(20))
        #expect(stage.open(100) == 100)
        stage.run(200, latency: .milliseconds(50))
        // 100 attempts take a second, in which 2% of 100 streams may come, and the first at once.
        #expect((1...4).contains(stage.open(100)))
        stage.run(200, latency: .milliseconds(61))
        #expect(stage.open(100) == 0)
        guard case .slow(let latency, let limit) = stage.control.open(at: stage.now) else {
            Issue.record("let in")
            return
        }
        #expect(latency == .milliseconds(61))
        #expect((Duration.milliseconds(60) ..< .milliseconds(61)).contains(limit))
        stage.run(200, latency: .milliseconds(25))
        // The capacity is known now, and these chunks are as many.
        #expect((0...2).contains(stage.open(10)))
        stage.control.forgetCapacity()
        #expect(stage.open(10) == 10)
    }

    @Test("Where the capacity is known, streams are let in freely only below it")
    func remembersTheCapacity() {
        let stage = Stage()
        stage.run(200, latency: .milliseconds(20))
        stage.run(400, latency: .milliseconds(80))
        let capacity = stage.control.capacity ?? 0
        #expect((300...350).contains(capacity))
        // Half as many chunks: some 45 streams more would bring 140 a second.
        for _ in 0..<300 {
            stage.now += .milliseconds(6)
            stage.control.note(latency: .milliseconds(20), at: stage.now)
        }
        let letIn = (0..<200).count { _ in stage.control.open(at: stage.now) == nil }
        #expect((30...50).contains(letIn))
    }

    @Test("Streams that send faster than real time do not close the door")
    func overlooksFastStreams() {
        let stage = Stage()
        stage.run(200, latency: .milliseconds(20))
        for _ in 0..<200 {
            stage.now += .milliseconds(3)
            stage.control.note(latency: .milliseconds(400), pace: 1.5, at: stage.now)
        }
        #expect(stage.control.open(at: stage.now) == nil)
    }

    @Test("The share of chunks that waited for a server that failed does not close the door")
    func looksAtTheMedian() {
        let stage = Stage()
        stage.run(200, latency: .milliseconds(20))
        for _ in 0..<40 {
            stage.run(1, latency: .seconds(2))
            stage.run(2, latency: .milliseconds(22))
        }
        #expect(stage.open(20) == 20)
    }

    @Test("A stream that was let in among too many is refused at its first chunk")
    func refusesAtTheFirstChunk() {
        let stage = Stage()
        stage.run(200, latency: .milliseconds(20))
        #expect(stage.control.begin(at: stage.now) == nil)
        stage.run(200, latency: .milliseconds(80))
        #expect(stage.control.begin(at: stage.now) != nil)
    }

    @Test("What was measured a while ago is no reason to refuse")
    func forgets() {
        let stage = Stage()
        stage.run(200, latency: .milliseconds(20))
        stage.run(200, latency: .milliseconds(200))
        #expect(stage.control.open(at: stage.now) != nil)
        stage.now += .seconds(1.1)
        #expect(stage.control.open(at: stage.now) == nil)
    }

    @Test("A fixed number of streams holds whatever is measured")
    func holdsTheMaximum() {
        let stage = Stage { $0.maximumStreams = 3 }
        #expect(stage.open(5) == 3)
        #expect(stage.control.open(at: stage.now) == .full(streams: 3))
        stage.control.close()
        #expect(stage.open(5) == 1)
    }

    @Test("A slower fleet becomes the usual one in the course of an hour")
    func drifts() {
        let stage = Stage()
        stage.run(200, latency: .milliseconds(20))
        for _ in 0..<3600 {
            stage.now += .milliseconds(900)
            stage.run(33, latency: .milliseconds(70))
        }
        #expect(stage.open(1) == 1)
    }
}
