internal import GRPCTransport
internal import Testing

/// The machines by their actions; waiters are names.
@Suite struct ServerCallStateTests {
    private typealias State = ServerCallState<String, String>

    private var state = State(maximumMessageBytes: 10)

    private func isResume(
        _ action: State.ReadAction,
        _ reader: String,
        _ result: State.ReadResult
    ) -> Bool {
        if case .resume(let who, let what) = action {
            who == reader && what == result
        } else {
            false
        }
    }

    @Test mutating func readAsksForOneMessage() {
        guard case .startRead = state.next("a") else { return #expect(Bool(false)) }
        let message = MessageBytes([1])
        let resumed = state.readCompleted(.message(message))
        #expect(resumed?.0 == "a" && resumed?.1 == .success(message))
        guard case .startRead = state.next("b") else { return #expect(Bool(false)) }
        #expect(state.readCompleted(.halfClosed)?.1 == .success(nil))
        #expect(isResume(state.next("c"), "c", .success(nil)))
    }

    @Test mutating func cancelledReadKeepsItsMessage() {
        _ = state.next("a")
        #expect(state.readerCancelled() == "a")
        #expect(state.readerCancelled() == nil)
        guard case .wait = state.next("b") else { return #expect(Bool(false)) }
        #expect(isResume(state.next("c"), "c", .failure(.concurrentRead)))
        #expect(state.readerCancelled() == "b")
        let message = MessageBytes([1])
        #expect(state.readCompleted(.message(message)) == nil)
        #expect(isResume(state.next("d"), "d", .success(message)))
        guard case .startRead = state.next("e") else { return #expect(Bool(false)) }
    }

    @Test mutating func oversizedMessageDecidesTheStatus() {
        _ = state.next("a")
        let resumed = state.readCompleted(.tooLarge(byteCount: 11))
        guard case .failure(let error)? = resumed?.1 else { return #expect(Bool(false)) }
        #expect(error.code == .resourceExhausted)
        #expect(isResume(state.next("b"), "b", .failure(error)))
        #expect(state.finish(RPCError(.internal, "something else"))?.status == error)
    }

    @Test mutating func interruptionStands() {
        _ = state.next("a")
        let first = RPCError(.deadlineExceeded, "first")
        #expect(state.interrupt(with: first)?.0 == "a")
        #expect(state.interrupt(with: RPCError(.internal, "second")) == nil)
        #expect(isResume(state.next("b"), "b", .failure(first)))
        // It does not stop the sender.
        guard case .startWrite = state.send("c") else { return #expect(Bool(false)) }
        #expect(state.writeCompleted(ok: true)?.0 == "c")
    }

    @Test mutating func deathReleasesEverybodyOnce() {
        _ = state.next("reader")
        _ = state.send("writer")
        let waiters = state.callCancelled()
        #expect(waiters.reader == "reader" && waiters.writer == "writer")
        #expect(state.readCompleted(.failed) == nil)
        #expect(state.writeCompleted(ok: false) == nil)
        #expect(isResume(state.next("b"), "b", .failure(.callCancelled)))
        guard case .resume("w", .failure(.callCancelled)) = state.send("w") else {
            return #expect(Bool(false))
        }
        #expect(state.finish(nil)?.cutsWrite == false)
    }

    @Test mutating func statusGoesOutOnce() {
        #expect(state.finish(nil)?.status == nil)
        #expect(state.finish(RPCError(.internal, "late")) == nil)
        #expect(isResume(state.next("a"), "a", .failure(.callOver)))
    }

    @Test mutating func statusDoesNotWaitForAMessageOnItsWay() {
        _ = state.send("writer")
        #expect(state.writerCancelled() == "writer")
        guard case .resume("w", .failure(.concurrentWrite)) = state.send("w") else {
            return #expect(Bool(false))
        }
        let ending = state.finish(nil)
        #expect(ending?.cutsWrite == true)
        #expect(ending?.status?.code == .cancelled)
    }

    @Test mutating func statusInOrderWaitsForAMessageOnItsWay() {
        _ = state.send("writer")
        let ending = state.finish(nil, inOrder: true)
        #expect(ending?.waiters.writer == "writer")
        #expect(ending?.cutsWrite == false)
        #expect(ending?.status == nil)
    }
}

@Suite struct CallStateTests {
    private typealias State = CallState<String, String>

    private var state = State()

    private func isResume(
        _ action: State.ReadAction,
        _ reader: String,
        _ result: State.ReadResult
    ) -> Bool {
        if case .resume(let who, let what) = action {
            who == reader && what == result
        } else {
            false
        }
    }

    @Test mutating func endOfMessagesWaitsForTheStatus() {
        _ = state.next("a")
        #expect(state.readCompleted(nil) == nil)
        let failure = RPCError(.aborted, "no")
        let (waiters, result) = state.done(failure, ["x-a": "1"])
        #expect(waiters.reader == "a" && result == .failure(failure))
        #expect(isResume(state.next("b"), "b", .failure(failure)))
        #expect(state.trailingMetadata?["x-a"] == "1")
    }

    @Test mutating func cancellationBeforeAWaiterIsRegisteredIsSeenByIt() {
        #expect(state.cancel().reader == nil)
        #expect(isResume(state.next("a"), "a", .failure(.callCancelled)))
        guard case .resume("w", .failure(.callCancelled)) = state.send("w") else {
            return #expect(Bool(false))
        }
    }

    @Test mutating func cancellationReleasesEverybodyOnce() {
        _ = state.next("reader")
        _ = state.send("writer")
        let waiters = state.cancel()
        #expect(waiters.reader == "reader" && waiters.writer == "writer")
        #expect(state.readCompleted(MessageBytes([1])) == nil)
        #expect(state.writeCompleted(ok: false) == nil)
        let again = state.done(RPCError(.cancelled, "gone"), Metadata()).0
        #expect(again.reader == nil && again.writer == nil)
    }

    @Test mutating func endedCallIgnoresCancellation() {
        _ = state.next("a")
        _ = state.readCompleted(nil)
        _ = state.done(nil, Metadata())
        _ = state.cancel()
        #expect(isResume(state.next("b"), "b", .success(nil)))
    }

    @Test mutating func halfCloseIsTheLastWrite() {
        guard case .startWrite = state.send("a") else { return #expect(Bool(false)) }
        guard case .resume("b", .failure(.concurrentWrite)) = state.send("b") else {
            return #expect(Bool(false))
        }
        #expect(state.writeCompleted(ok: true)?.0 == "a")
        guard case .startWrite = state.send("c", isLast: true) else { return #expect(Bool(false)) }
        #expect(state.writeCompleted(ok: true)?.0 == "c")
        guard case .resume("d", .failure(.writingFinished)) = state.send("d") else {
            return #expect(Bool(false))
        }
        guard case .resume("e", .success) = state.send("e", isLast: true) else {
            return #expect(Bool(false))
        }
    }
}
