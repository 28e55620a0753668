internal import Foundation
internal import Kernels
internal import Testing

@Suite struct TokenContextTests {
    @Test func theOldestTokenFallsOut() throws {
        var context = try #require(TokenContext([-1, 0]))
        context.append(7)
        #expect(context == TokenContext([0, 7]))
        context.append(9)
        #expect(context == TokenContext([7, 9]))
        #expect(context[0] == 7 && context[1] == 9)

        var single = try #require(TokenContext([3]))
        single.append(4)
        #expect(single == TokenContext([4]))

        var none = try #require(TokenContext([]))
        none.append(4)
        #expect(none.count == 0)
    }

    @Test func contextsOfDifferentLengthsDiffer() {
        #expect(TokenContext([0]) != TokenContext([0, 0]))
        #expect(TokenContext([1, 2, 3, 4, 5]) == nil)
    }

    @Test func codingChecksTheLength() throws {
        let context = try #require(TokenContext([-1, 12]))
        let data = try JSONEncoder().encode(context)
        #expect(String(decoding: data, as: UTF8.self) == "[-1,12]")
        #expect(try JSONDecoder().decode(TokenContext.self, from: data) == context)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(TokenContext.self, from: Data("[1,2,3,4,5]".utf8))
        }
    }
}
