internal import Fleet
internal import GRPCTransport
internal import TestBackend
internal import TestSupport

/// A stream, its placement, and endpoints that run it badly, all without time and network: what
/// happens next is drawn by lot. Answers may come late, twice, or never; sequences are forgotten;
/// the stream is moved, gives chunks up and goes on.
struct PlacementSimulation {
    /// What must never be, in words.
    struct Violation: Error, CustomStringConvertible {
        var description: String
    }

    /// An endpoint's sequences, each with the state so far: a number that depends on every chunk.
    private struct Server {
        var sequences: [UInt64: UInt64] = [:]
    }

    private var random: SplitMix64
    private var placement: Placement
    private let interval: Int
    private let endpoints: [EndpointID]
    private var servers: [EndpointID: Server] = [:]
    /// Sequences that were left and not ended.
    private var left: [Placement.Sequence] = []
    /// Answers on their way, which may also be lost.
    private var late: [(answer: Placement.Answer, output: UInt64)] = []
    /// The stream's state if nothing had ever gone wrong.
    private var reference: UInt64 = 0
    private(set) var deliveredCount = 0
    private(set) var staleCount = 0
    private(set) var moveCount = 0

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        interval = Int.random(in: 1...6, using: &random)
        placement = Placement(
            stream: seed,
            snapshotInterval: interval,
            phase: Int.random(in: 0..<interval, using: &random)
        )
        var pool = EndpointPool(.init(), seed: seed)
        endpoints = pool.setAddresses(["a", "b", "c"], at: .zero).added
    }

    /// Runs so many chunks, and ends the stream.
    mutating func run(chunkCount: Int) throws {
        var number: UInt64 = 0
        while deliveredCount < chunkCount {
            number += 1
            try runChunk(number)
            if chance(10), let sequence = placement.leave() { left.append(sequence) }
            try checkBounds()
        }
        if let sequence = placement.end() { left.append(sequence) }
        for sequence in left {
            servers[sequence.endpoint, default: Server()].sequences[sequence.id] = nil
        }
        guard servers.values.allSatisfy(\.sequences.isEmpty) else {
            throw Violation(
                description: "a sequence was started, forgotten by nobody, and not ended"
            )
        }
    }

    private mutating func runChunk(_ number: UInt64) throws {
        var next = placement.begin(MessageBytes(elements: [Int64(number)]))
        while true {
            if chance(3) {
                // The chunk may have run all the same.
                if let next, chance(50), let reply = serve(next) { late.append(reply) }
                if let sequence = placement.giveUp() { left.append(sequence) }
                return
            }
            let request: Placement.Request
            if let present = next { request = present } else { request = place() }
            next = nil
            try deliverLate()
            switch Int.random(in: 0..<100, using: &random) {
            case ..<6:  // It never got there.
                leave()
            case ..<12:  // It ran, and the answer is late, or never comes.
                if let reply = serve(request) { late.append(reply) }
                leave()
            case ..<15:  // The endpoint was started again.
                servers[request.sequence.endpoint] = Server()
                leave()
            case ..<17 where placement.modelVersion != nil:  // Another version has run it.
                if var reply = serve(request) {
                    reply.answer.modelVersion = "2"
                    guard case .otherVersion("1") = placement.answered(reply.answer) else {
                        throw Violation(description: "the version changed within a stream")
                    }
                }
                leave()
            default:
                guard let reply = serve(request) else {
                    leave()
                    continue
                }
                if reply.answer.state != nil, chance(10) {
                    var part = reply.answer
                    part.state = nil
                    guard case .stale = placement.answered(part) else {
                        throw Violation(description: "a snapshot was lost on the way")
                    }
                    leave()
                    continue
                }
                if chance(10) { late.append(reply) }
                switch placement.answered(reply.answer) {
                case .send(let following):
                    next = following
                case .deliver:
                    try check(reply.output, after: number)
                    return
                case .stale, .otherVersion:
                    throw Violation(description: "the right answer to \(request.id) was refused")
                }
            }
        }
    }

    /// The endpoint's answer; nil when it does not know the sequence.
    private mutating func serve(
        _ request: Placement.Request
    ) -> (answer: Placement.Answer, output: UInt64)? {
        var server = servers[request.sequence.endpoint, default: Server()]
        defer { servers[request.sequence.endpoint] = server }
        if request.starts {
            server.sequences[request.sequence.id] = request.restored.map { Self.number($0[0]) } ?? 0
        }
        guard let before = server.sequences[request.sequence.id] else { return nil }
        let after = Self.step(before, Self.number(request.chunk))
        server.sequences[request.sequence.id] = after
        let state = [MessageBytes(elements: [Int64(bitPattern: after)])]
        return (
            Placement.Answer(
                id: request.id,
                modelVersion: "1",
                state: request.wantsState ? state : nil
            ),
            after
        )
    }

    /// Answers that come when nobody waits for them any more.
    private mutating func deliverLate() throws {
        while !late.isEmpty, chance(30) {
            let (answer, _) = late.remove(at: Int.random(in: 0..<late.count, using: &random))
            guard case .stale = placement.answered(answer) else {
                throw Violation(description: "the late answer to \(answer.id) was used")
            }
            staleCount += 1
        }
    }

    private mutating func check(_ output: UInt64, after number: UInt64) throws {
        reference = Self.step(reference, number)
        deliveredCount += 1
        guard output == reference else {
            throw Violation(
                description: "output \(deliveredCount) is not that of the undisturbed run"
            )
        }
        guard placement.deliveredCount == deliveredCount else {
            throw Violation(description: "a chunk was delivered twice or left out")
        }
    }

    private func checkBounds() throws {
        guard placement.repeatCount <= interval else {
            throw Violation(description: "\(placement.repeatCount) chunks are kept of \(interval)")
        }
    }

    private mutating func place() -> Placement.Request {
        let id = UInt64.random(in: 1...UInt64(Int64.max), using: &random)
        moveCount += 1
        return placement.place(
            on: endpoints[Int.random(in: 0..<endpoints.count, using: &random)],
            sequenceID: id
        )
    }

    private mutating func leave() {
        if let sequence = placement.leave() { left.append(sequence) }
    }

    private mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }

    private static func step(_ state: UInt64, _ chunk: UInt64) -> UInt64 {
        var mixer = SplitMix64(seed: state &* 31 &+ chunk)
        return mixer.next()
    }

    private static func number(_ bytes: MessageBytes) -> UInt64 {
        bytes.withContiguousBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    }
}
