internal import Foundation
internal import GRPCTransport
internal import Synchronization
internal import Testing

/// Runs `body` with a server of these methods on a free port and a channel to it, and takes both down
/// afterwards: no test is over before every handler has returned.
func withLoopback(
    _ methods: [String: Server.Handler],
    server adjustServer: (inout Server.Configuration) -> Void = { _ in },
    channel adjustChannel: (inout Channel.Configuration) -> Void = { _ in },
    _ body: (Channel, Server) async throws -> Void
) async throws {
    var serverConfiguration = Server.Configuration()
    serverConfiguration.listenAddress = "127.0.0.1:0"
    adjustServer(&serverConfiguration)
    var channelConfiguration = Channel.Configuration()
    adjustChannel(&channelConfiguration)
    let server = try Server(configuration: serverConfiguration, methods: methods)
    let channel = Channel(
        target: "127.0.0.1:\(server.port)",
        configuration: channelConfiguration
    )
    let outcome: Result<Void, any Error>
    do {
        try await body(channel, server)
        outcome = .success(())
    } catch {
        outcome = .failure(error)
    }
    channel.close()
    await server.shutdown(gracePeriod: .zero)
    try outcome.get()
}

/// The address of a socket in the file system that no other test has.
func temporarySocket() -> String {
    let directory = FileManager.default.temporaryDirectory.path
    return "unix:\(directory)/martlet-\(UInt64.random(in: 0 ... .max)).sock"
}

/// Sends back what it gets until the client half-closes.
let echo: Server.Handler = { call in
    for try await message in call.messages { try await call.send(message) }
}

/// Fired once, by any task; waited for by any number.
final class Signal: Sendable {
    private struct State {
        var isFired = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Guarded(State())

    var isFired: Bool { state.withLock { $0.isFired } }

    func fire() {
        let waiters = state.withLock { state in
            state.isFired = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { waiter in
            let isFired = state.withLock { state in
                if !state.isFired { state.waiters.append(waiter) }
                return state.isFired
            }
            if isFired { waiter.resume() }
        }
        state.takeOver()
    }
}

/// A number that one task counts up and another watches.
final class Counter: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .acquiring) }

    func increment() {
        count.wrappingAdd(1, ordering: .acquiringAndReleasing)
    }

    /// Waits, without a clock, until the count has stood still while the same connection carried 200
    /// round trips: whatever could move has moved by then.
    func settled(over channel: Channel) async throws -> Int {
        var last = value
        var unchanged = 0
        while unchanged < 200 {
            _ = try await channel.unary("/test/Echo", MessageBytes([0]))
            unchanged = value == last ? unchanged + 1 : 0
            last = value
        }
        return last
    }
}

/// The error that `body` throws; records an issue if it throws none.
func rpcError(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws(RPCError) -> some Any
) async -> RPCError? {
    do throws(RPCError) {
        _ = try await body()
        Issue.record("no error was thrown", sourceLocation: sourceLocation)
        return nil
    } catch {
        return error
    }
}

/// Reads until the call ends: the messages, and the status (nil: OK).
func drain(_ call: Call) async -> ([MessageBytes], RPCError?) {
    var messages: [MessageBytes] = []
    do throws(RPCError) {
        while let message = try await call.next() { messages.append(message) }
        return (messages, nil)
    } catch {
        return (messages, error)
    }
}

extension MessageBytes {
    /// A message that tells its number, of at least 8 bytes.
    init(number: Int, count: Int = 8) {
        self.init(count: max(count, 8)) { bytes in
            for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: number &+ index) }
            bytes.storeBytes(of: Int64(number).littleEndian, as: Int64.self)
        }
    }

    var number: Int {
        withContiguousBytes { Int(Int64(littleEndian: $0.loadUnaligned(as: Int64.self))) }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014), so that a failing seed can be run again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
