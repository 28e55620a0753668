/// gRPC's answer to a read.
package enum ReadOutcome {
    case message(MessageBytes)
    case halfClosed
    case failed
    case tooLarge(byteCount: Int)
}

/// What may happen next on one call of a server, as a value.
///
///     reading: idle --next--> pending --message--> idle
///              pending --its task is cancelled, or interrupt--> pending, nobody waits
///              pending, nobody waits --message--> arrived --next--> idle
///              pending --end | failure--> over
///     writing: idle --send--> inFlight --written--> idle | broken
///              inFlight --its task is cancelled--> inFlight, nobody waits
///     call:    open --cancelled--> dead --finish--> finished
///              open --finish--> finished
///
/// The owner keeps it under a lock and performs what it returns after unlocking. Every waiter that is
/// put in is handed out again exactly once.
package struct ServerCallState<Reader, Writer> {
    package typealias ReadResult = Result<MessageBytes?, RPCError>
    package typealias WriteResult = Result<Void, RPCError>

    private enum Reading {
        case idle
        case pending(Reader?)
        case arrived(MessageBytes)
        /// Nil: the client half-closed.
        case over(RPCError?)
    }

    private enum Writing {
        case idle
        case inFlight(Writer?)
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

    /// Whoever waited and must be told the same error.
    package struct Waiters {
        package var reader: Reader?
        package var writer: Writer?
    }

    private let maximumMessageBytes: Int
    private var reading = Reading.idle
    private var writing = Writing.idle
    private var isDead = false
    private var isFinished = false
    private var interruption: RPCError?
    /// A breach of the transport's own limits, which no handler can turn into another status.
    private var verdict: RPCError?

    package init(maximumMessageBytes: Int) {
        self.maximumMessageBytes = maximumMessageBytes
    }

    // MARK: Reading

    package mutating func next(_ reader: Reader) -> ReadAction {
        if isFinished { return .resume(reader, .failure(.callOver)) }
        if isDead { return .resume(reader, .failure(.callCancelled)) }
        if let interruption { return .resume(reader, .failure(interruption)) }
        switch reading {
        case .idle:
            reading = .pending(reader)
            return .startRead
        case .pending(nil):
            reading = .pending(reader)
            return .wait
        case .pending:
            return .resume(reader, .failure(.concurrentRead))
        case .arrived(let message):
            reading = .idle
            return .resume(reader, .success(message))
        case .over(nil):
            return .resume(reader, .success(nil))
        case .over(let error?):
            return .resume(reader, .failure(error))
        }
    }

    /// gRPC's answer to `startRead`. The waiter, if one still waits, and what to tell it.
    package mutating func readCompleted(_ outcome: ReadOutcome) -> (Reader, ReadResult)? {
        guard case .pending(let reader) = reading else { return nil }
        switch outcome {
        case .message(let message):
            guard let reader else {
                reading = isFinished ? .idle : .arrived(message)
                return nil
            }
            reading = .idle
            return (reader, .success(message))
        case .halfClosed:
            reading = .over(nil)
            return reader.map { ($0, .success(nil)) }
        case .failed:
            reading = .over(.callCancelled)
            return reader.map { ($0, .failure(.callCancelled)) }
        case .tooLarge(let byteCount):
            let error = RPCError(
                .resourceExhausted,
                "a message of \(byteCount) bytes is over the limit of \(maximumMessageBytes) bytes"
            )
            verdict = error
            reading = .over(error)
            return reader.map { ($0, .failure(error)) }
        }
    }

    /// The waiting task was cancelled. The message it asked for will be the next one's.
    package mutating func readerCancelled() -> Reader? {
        guard case .pending(let reader?) = reading else { return nil }
        reading = .pending(nil)
        return reader
    }

    /// The first interruption stands.
    package mutating func interrupt(with error: RPCError) -> (Reader, RPCError)? {
        guard interruption == nil else { return nil }
        interruption = error
        return readerCancelled().map { ($0, error) }
    }

    // MARK: Writing

    package mutating func send(_ writer: Writer) -> WriteAction {
        if isFinished { return .resume(writer, .failure(.callOver)) }
        if isDead { return .resume(writer, .failure(.callCancelled)) }
        switch writing {
        case .idle:
            writing = .inFlight(writer)
            return .startWrite
        case .inFlight:
            return .resume(writer, .failure(.concurrentWrite))
        case .broken:
            return .resume(writer, .failure(.callCancelled))
        }
    }

    package mutating func writeCompleted(ok: Bool) -> (Writer, WriteResult)? {
        guard case .inFlight(let writer) = writing else { return nil }
        writing = ok ? .idle : .broken
        return writer.map { ($0, ok ? .success(()) : .failure(.callCancelled)) }
    }

    /// The waiting task was cancelled. Its message stays on its way.
    package mutating func writerCancelled() -> Writer? {
        guard case .inFlight(let writer?) = writing else { return nil }
        writing = .inFlight(nil)
        return writer
    }

    // MARK: The call

    /// The call died under its handler.
    package mutating func callCancelled() -> Waiters {
        isDead = true
        return takeWaiters()
    }

    package struct Ending {
        /// Nil: OK.
        package var status: RPCError?
        /// The last message is still on its way: the status must not wait for it.
        package var cutsWrite: Bool
        package var waiters: Waiters
    }

    /// The handler returned or threw `error`, or the server gives the call up. Only the first time a
    /// status goes out.
    ///
    /// A message that is still on its way is one that its handler stopped waiting for, and its client
    /// may never take: the status overtakes it. Where `inOrder`, the status follows it.
    package mutating func finish(_ error: RPCError?, inOrder: Bool = false) -> Ending? {
        guard !isFinished else { return nil }
        isFinished = true
        var status = verdict ?? error
        var cutsWrite = false
        if !inOrder, case .inFlight = writing {
            cutsWrite = true
            status = status ?? RPCError(.cancelled, "the last message was not sent")
        }
        if case .arrived = reading { reading = .idle }
        return Ending(status: status, cutsWrite: cutsWrite, waiters: takeWaiters())
    }

    private mutating func takeWaiters() -> Waiters {
        Waiters(reader: readerCancelled(), writer: writerCancelled())
    }
}
