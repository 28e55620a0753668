internal import GRPCTransport
internal import MessageCoding
internal import Testing

@Suite struct CrumbledMessageTests {
    private func crumbs(_ count: Int) -> MessageBytes {
        var message = MessageBytes()
        // Field 1, a varint of 1.
        for index in 0..<count { message.append(MessageBytes([index.isMultiple(of: 2) ? 8 : 1])) }
        return message
    }

    /// Few slices are read where they lie; very many, which each step would have to search, are
    /// joined first. What is read is the same.
    @Test(arguments: [2, 1024, 1026, 100_000])
    func aMessageInCrumbsIsJoined(slices: Int) throws {
        var reader = ProtobufFieldReader(crumbs(slices))
        let isJoined = slices > 1024
        #expect(reader.sliceCount == (isJoined ? 1 : slices))
        var fields = 0
        while let field = try reader.next() {
            #expect(field == .init(number: 1, value: .varint(1)))
            fields += 1
        }
        #expect(fields == slices / 2)
    }
}
