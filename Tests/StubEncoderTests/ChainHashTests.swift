internal import GRPCTransport
internal import StubEncoder
internal import TestSupport
internal import Testing

struct ChainHashTests {
    @Test
    func howBytesAreCutLeavesNoTrace() {
        var random = SplitMix64.announced()
        for count in [0, 1, 7, 15, 16, 17, 31, 32, 33, 100, 14_400] {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            let whole = ChunkDigest(MessageBytes(bytes))
            for _ in 0..<20 {
                var cut = MessageBytes()
                var rest = bytes[...]
                while !rest.isEmpty {
                    let taken = Int.random(in: 1...max(1, count / 3), using: &random)
                    cut.append(MessageBytes([UInt8](rest.prefix(taken))))
                    rest = rest.dropFirst(taken)
                }
                #expect(ChunkDigest(cut) == whole, "\(count) bytes")
            }
        }
    }

    @Test
    func everyBitAndTheLengthCount() {
        var random = SplitMix64.announced()
        var bytes = (0..<50).map { _ in UInt8.random(in: 0...255, using: &random) }
        var seen: Set = [ChunkDigest(MessageBytes(bytes))]
        for index in bytes.indices {
            for bit in 0..<8 {
                bytes[index] ^= 1 << bit
                seen.insert(ChunkDigest(MessageBytes(bytes)))
                bytes[index] ^= 1 << bit
            }
        }
        #expect(seen.count == 401)
        let zeros = Set(
            (0...64).map { ChunkDigest(MessageBytes([UInt8](repeating: 0, count: $0))) }
        )
        #expect(zeros.count == 65)
    }

    @Test
    func aChainIsItsChunksInTheirOrder() {
        let chunks = (1...4).map { ChunkDigest(MessageBytes([$0])) }
        func chain(_ order: [Int]) -> ChainHash {
            order.reduce(.start) { $0.followed(by: chunks[$1]) }
        }
        let chains = [
            [0], [1], [0, 1], [1, 0], [0, 1, 2], [0, 2, 1], [0, 0], [0, 0, 0], [1, 2],
        ]
        #expect(Set(chains.map(chain)).count == chains.count)
        #expect(!chains.map(chain).contains(.start))
        #expect(ChainHash.broken.followed(by: chunks[0]) != chain([0]))
    }
}
