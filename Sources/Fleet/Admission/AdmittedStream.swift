internal import Synchronization

/// A stream that counts as open until it ends, and whose chunks show how busy the fleet is.
final class AdmittedStream: EncoderStream {
    private let stream: any EncoderStream
    private let admission: Admission
    /// When the first chunk came; nil before it did.
    private var beginning: Duration?
    private var chunkCount = 0
    private var hasEnded = false

    init(_ stream: any EncoderStream, _ admission: Admission) {
        self.stream = stream
        self.admission = admission
    }

    func encode(_ features: [Float]) async throws(FleetError) -> EncoderOutput {
        let start = admission.now()
        if beginning == nil {
            try admission.begin()
            beginning = start
        }
        let output = try await stream.encode(features)
        admission.note(latency: admission.now() - start, pace: pace(at: start))
        chunkCount += 1
        return output
    }

    /// How fast the audio before this chunk has come, against real time.
    private func pace(at now: Duration) -> Double {
        guard let beginning, chunkCount > 0 else { return 1 }
        let spoken = admission.chunkShift.seconds * Double(chunkCount)
        return spoken / max((now - beginning).seconds, 1e-6)
    }

    func end() {
        guard !hasEnded else { return }
        hasEnded = true
        stream.end()
        admission.close()
    }
}

/// The owner of an ``AdmissionControl``.
final class Admission: Sendable {
    let now: @Sendable () -> Duration
    private let control: Mutex<AdmissionControl>
    private let refusals = Atomic<Int>(0)

    let chunkShift: Duration

    init(_ settings: AdmissionControl.Settings, now: @escaping @Sendable () -> Duration) {
        self.now = now
        chunkShift = settings.chunkShift
        control = Mutex(AdmissionControl(settings))
    }

    var openStreams: Int { control.withLock { $0.openStreams } }
    /// Streams that were not let in, or not to their first chunk.
    var refusedStreams: Int { refusals.load(ordering: .relaxed) }
    var latency: Duration? { control.withLock { $0.latency(at: now()) } }

    /// - Throws: ``FleetError`` of kind `overloaded`.
    func open() throws(FleetError) {
        if let refusal = control.withLock({ $0.open(at: now()) }) { throw refused(refusal) }
    }

    /// - Throws: ``FleetError`` of kind `overloaded`.
    func begin() throws(FleetError) {
        if let refusal = control.withLock({ $0.begin(at: now()) }) { throw refused(refusal) }
    }

    private func refused(_ refusal: AdmissionControl.Refusal) -> FleetError {
        refusals.wrappingAdd(1, ordering: .relaxed)
        return FleetError(refusal)
    }

    func close() { control.withLock { $0.close() } }

    func note(latency: Duration, pace: Double) {
        control.withLock { $0.note(latency: latency, pace: pace, at: now()) }
    }

    func forgetCapacity() { control.withLock { $0.forgetCapacity() } }
}

extension FleetError {
    fileprivate init(_ refusal: AdmissionControl.Refusal) {
        switch refusal {
        case .full(let streams):
            self.init(
                .overloaded,
                "\(streams) streams are open, the most allowed (admission.max_streams)"
            )
        case .slow(let latency, let limit):
            self.init(
                .overloaded,
                """
                the inference servers are busy: a chunk takes \(latency.milliseconds) ms, and new \
                streams are let in up to \(limit.milliseconds) ms; try again later or add servers
                """
            )
        }
    }
}

extension Duration {
    /// Whole milliseconds, rounded.
    fileprivate var milliseconds: Int { Int((seconds * 1000).rounded()) }
}
