/// What may happen next on one call of a client, as a value.
///
///     reading: idle --next--> pending --message--> idle
///              pending --end--> draining --done--> ended
///              idle | pending, its task is cancelled --> the whole call is cancelled, see below
///     writing: idle --send--> inFlight --written--> idle | broken
///              idle --finishSending--> inFlight, last --written--> finished
///     call:    open --done--> ended
///
/// Cancelling, by the caller or because a waiting task was cancelled, releases who waits at once; gRPC
/// then ends the call with CANCELLED. The owner keeps this under a lock and performs what it returns
/// after unlocking. Every waiter that is put in is handed out again exactly once.
package struct CallState<Reader, Writer> {
    package typealias ReadResult = Result<MessageBytes?, RPCError>
    package typealias WriteResult = Result<Void, RPCError>

    private enum Reading {
        case idle
        case pending(Reader?)
        case arrived(MessageBytes)
        /// The messages are over; the status comes when gRPC has finished with the call.
        case draining(Reader?)
    }

    private enum Writing {
        case idle
        case inFlight(Writer?, isLast: Bool)
        case finished
        case broken
    }

    package enum ReadAction {
        case wait
        case startRead
        case resume(Reader, ReadResult)
    }

    package enum WriteAction {
        case startWrite
        case resume(Writer, WriteResult)
    }

    package struct Waiters {
        package var reader: Reader?
        package var writer: Writer?
    }

    private var reading = Reading.idle
    private var writing = Writing.idle
    private var isCancelled = false
    /// How the call ended: nil while it has not, `.some(nil)` with OK.
    private var ending: RPCError??
    package private(set) var initialMetadata: Metadata?
    package private(set) var trailingMetadata: Metadata?

    package init() {}

    // MARK: Reading

    package mutating func next(_ reader: Reader) -> ReadAction {
        if case .arrived(let message) = reading, !isCancelled {
            reading = .idle
            return .resume(reader, .success(message))
        }
        if let ending { return .resume(reader, Self.result(of: ending)) }
        if isCancelled { return .resume(reader, .failure(.callCancelled)) }
        switch reading {
        case .idle, .arrived:
            reading = .pending(reader)
            return .startRead
        case .pending(nil):
            reading = .pending(reader)
            return .wait
        case .draining(nil):
            reading = .draining(reader)
            return .wait
        case .pending, .draining:
            return .resume(reader, .failure(.concurrentRead))
        }
    }

    /// gRPC's answer to `startRead`; nil: the messages are over.
    package mutating func readCompleted(_ message: MessageBytes?) -> (Reader, ReadResult)? {
        guard case .pending(let reader) = reading else { return nil }
        guard let message else {
            reading = .draining(reader)
            return nil
        }
        guard let reader else {
            reading = isCancelled ? .idle : .arrived(message)
            return nil
        }
        reading = .idle
        return (reader, .success(message))
    }

    // MARK: Writing

    package mutating func send(_ writer: Writer, isLast: Bool = false) -> WriteAction {
        if let ending {
            return .resume(writer, .failure(ending ?? .callEnded))
        }
        if isCancelled { return .resume(writer, .failure(.callCancelled)) }
        switch writing {
        case .idle:
            writing = .inFlight(writer, isLast: isLast)
            return .startWrite
        case .inFlight:
            return .resume(writer, .failure(.concurrentWrite))
        case .finished:
            return .resume(writer, isLast ? .success(()) : .failure(.writingFinished))
        case .broken:
            return .resume(writer, .failure(.callEnded))
        }
    }

    package mutating func writeCompleted(ok: Bool) -> (Writer, WriteResult)? {
        guard case .inFlight(let writer, let isLast) = writing else { return nil }
        writing = ok ? (isLast ? .finished : .idle) : .broken
        return writer.map { ($0, ok ? .success(()) : .failure(.callEnded)) }
    }

    // MARK: The call

    package mutating func receivedInitialMetadata(_ metadata: Metadata) {
        initialMetadata = metadata
    }

    /// Returns who waited. The caller then cancels gRPC's call.
    package mutating func cancel() -> Waiters {
        isCancelled = true
        return takeWaiters()
    }

    /// gRPC has finished with the call. Nobody waits to write by now; who waits to read gets the
    /// status.
    package mutating func done(_ error: RPCError?, _ trailing: Metadata) -> (Waiters, ReadResult) {
        ending = .some(error)
        trailingMetadata = trailing
        return (takeWaiters(), Self.result(of: error))
    }

    private mutating func takeWaiters() -> Waiters {
        var waiters = Waiters()
        switch reading {
        case .pending(let reader):
            waiters.reader = reader
            reading = .pending(nil)
        case .draining(let reader):
            waiters.reader = reader
            reading = .draining(nil)
        case .idle, .arrived: break
        }
        if case .inFlight(let writer, let isLast) = writing {
            waiters.writer = writer
            writing = .inFlight(nil, isLast: isLast)
        }
        return waiters
    }

    private static func result(of ending: RPCError?) -> ReadResult {
        if let ending { .failure(ending) } else { .success(nil) }
    }
}
