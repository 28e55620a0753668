internal import GRPCTransport
internal import Testing

@Suite(.timeLimit(.minutes(1)))
struct StatusTests {
    @Test func everyCodeTravels() async throws {
        let handler: Server.Handler = { call in
            let code = try await call.next().map { [UInt8]($0)[0] } ?? 0
            throw RPCError(.init(rawValue: Int(code)), "code \(code)")
        }
        try await withLoopback(["/test/Fail": handler]) { channel, _ in
            for code in UInt8(1)...16 {
                let error = await rpcError { () throws(RPCError) in
                    try await channel.unary("/test/Fail", MessageBytes([code]))
                }
                #expect(error?.code.rawValue == Int(code))
                #expect(error?.message == "code \(code)")
                #expect(error?.code.description.hasPrefix("CODE") == false)
            }
            // A code that gRPC does not have.
            let error = await rpcError { () throws(RPCError) in
                try await channel.unary("/test/Fail", MessageBytes([99]))
            }
            #expect(error?.code == .unknown)
        }
    }

    @Test func detailsMessageAndTrailersTravelWhole() async throws {
        let details = (0...255).map(UInt8.init)
        let message = "größer als 4 MiB: \u{1F426}\n\t100 %\u{0}"
        let handler: Server.Handler = { call in
            call.setTrailingMetadata(["x-request-id": "7"])
            throw RPCError(
                .invalidArgument,
                message,
                details: details,
                metadata: ["x-retry": "no"]
            )
        }
        try await withLoopback(["/test/Fail": handler]) { channel, _ in
            let unary = await rpcError { () throws(RPCError) in
                try await channel.unary("/test/Fail", MessageBytes())
            }
            let call = channel.call("/test/Fail")
            let (_, streamed) = await drain(call)
            for error in [unary, streamed] {
                #expect(error?.code == .invalidArgument)
                #expect(error?.message == message)
                #expect(error?.details == details)
                #expect(error?.metadata["x-request-id"] == "7")
                #expect(error?.metadata["x-retry"] == "no")
            }
            #expect(call.trailingMetadata == streamed?.metadata)
        }
    }

    @Test func otherErrorsSayNothing() async throws {
        struct Secret: Error { var password = "hunter2" }
        try await withLoopback(["/test/Fail": { _ in throw Secret() }]) { channel, _ in
            let error = await rpcError { () throws(RPCError) in
                try await channel.unary("/test/Fail", MessageBytes())
            }
            #expect(
                error == RPCError(.internal, "internal error", metadata: error?.metadata ?? [:])
            )
        }
    }

    @Test func trailersComeWithOKToo() async throws {
        let handler: Server.Handler = { call in
            call.setTrailingMetadata(["x-count": "3", "x-raw-bin": "abc"])
            try await call.send(MessageBytes([1]))
        }
        try await withLoopback(["/test/Fine": handler]) { channel, _ in
            let call = channel.call("/test/Fine")
            #expect(call.trailingMetadata == nil)
            let (messages, status) = await drain(call)
            #expect(messages.count == 1)
            #expect(status == nil)
            #expect(call.initialMetadata != nil)
            #expect(call.trailingMetadata?["x-count"] == "3")
            #expect(call.trailingMetadata?["x-raw-bin"] == "abc")
        }
    }

    @Test func metadataReachesTheHandler() async throws {
        let handler: Server.Handler = { call in
            #expect(call.method == "/test/Look")
            #expect(call.metadata["x-name"] == "Martlet")
            #expect(call.metadata["X-Name"] == "Martlet")
            #expect(call.metadata[bytes: "x-raw-bin"] == [0, 1, 2, 255, 44])
            #expect(call.metadata.pairs.filter { $0.key == "x-twice" }.map(\.text) == ["a", "b"])
            #expect(call.metadata["grpc-secret"] == nil)
            #expect(call.metadata["x-newline"] == nil)
        }
        try await withLoopback(["/test/Look": handler]) { channel, _ in
            var metadata: Metadata = ["X-Name": "Martlet", "x-twice": "a"]
            metadata.append("x-twice", "b")
            metadata.append("x-raw-bin", [0, 1, 2, 255, 44])
            // What gRPC cannot carry stays at home, and harms nobody.
            metadata.append("grpc-secret", "1")
            metadata.append("x-newline", "a\nb")
            metadata.append("", "empty")
            metadata.append("schlüssel", "1")
            let call = channel.call("/test/Look", metadata: metadata)
            let message = try await call.next()
            #expect(message == nil)
            #expect(!Metadata.isLegal(key: "x-newline", value: Array("a\nb".utf8)))
            #expect(Metadata.isLegal(key: "x-newline-bin", value: Array("a\nb".utf8)))
        }
    }
}
