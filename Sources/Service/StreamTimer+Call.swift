internal import GRPCTransport
internal import Recognition

extension StreamTimer {
    /// Does something with a call for as long as its client keeps within the limits.
    ///
    /// When a limit is reached, whoever waits for a message in ``next(of:)`` is told at once, and
    /// may still send what it has. A client that does not take that either cannot hold its place:
    /// after another `lastResultTimeout` the body is cancelled where it stands.
    ///
    /// - Throws: what `body` throws, or ``RecognitionError`` naming the limit.
    func guarding<Value: Sendable>(
        _ call: ServerCall,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                await self.run { call.interrupt(with: $0.status) }
                guard let expiry = self.expiry else { return nil }
                try await self.sleepForLastResults()
                throw expiry
            }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw CancellationError()
        }
    }

    /// The client's next message, or nil at its end.
    ///
    /// - Throws: ``RecognitionError`` when the client has reached a limit, otherwise `RPCError`.
    func next(of call: ServerCall) async throws -> MessageBytes? {
        waitingForNext()
        do {
            let message = try await call.next()
            messageCame()
            return message
        } catch {
            if let expiry { throw expiry }
            throw error
        }
    }
}
