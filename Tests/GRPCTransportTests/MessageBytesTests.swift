internal import GRPCTransport
internal import Testing

@Suite struct MessageBytesTests {
    @Test func emptyMessageHasNothing() {
        let empty = MessageBytes()
        #expect(empty.isEmpty && empty.count == 0 && empty.sliceCount == 0)
        #expect(empty == MessageBytes([]))
        #expect(empty[0..<0] == empty)
        #expect([UInt8](empty) == [])
        empty.withContiguousBytes { #expect($0.count == 0) }
    }

    @Test func cuttingSharesMemory() {
        let message = MessageBytes((0..<100).map(UInt8.init))
        let start = message.withContiguousBytes { $0.baseAddress }
        let part = message[10..<20]
        #expect(part.withContiguousBytes { $0.baseAddress } == start.map { $0 + 10 })
        let partOfPart = part[5..<10]
        #expect(partOfPart.withContiguousBytes { $0.baseAddress } == start.map { $0 + 15 })
        #expect([UInt8](partOfPart) == [15, 16, 17, 18, 19])
    }

    @Test func aPartOutlivesTheWhole() {
        var whole: MessageBytes? = MessageBytes((0..<100).map(UInt8.init))
        let part = whole.map { $0[50..<60] }
        whole = nil
        #expect(part.map { [UInt8]($0) } == (50..<60).map(UInt8.init))
    }

    @Test func appendingCopiesNothing() {
        let head = MessageBytes([1, 2, 3])
        let tail = MessageBytes([4, 5])
        var both = head
        both.append(tail)
        #expect(both.sliceCount == 2)
        var starts: [UnsafeRawPointer?] = []
        both.forEachSlice { starts.append($0.baseAddress) }
        #expect(starts[0] == head.withContiguousBytes { $0.baseAddress })
        #expect(starts[1] == tail.withContiguousBytes { $0.baseAddress })
        // The copy that was appended to is another value than the one it came from.
        #expect([UInt8](head) == [1, 2, 3])
    }

    @Test func bytesWrittenInPlaceArrive() {
        let message = MessageBytes(count: 4) { $0.copyBytes(from: [9, 8, 7, 6]) }
        #expect([UInt8](message) == [9, 8, 7, 6])
    }

    /// Any sequence of cuts and appends does to a rope what it does to an array.
    @Test(arguments: 0..<200)
    func behavesAsAnArray(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var rope = MessageBytes()
        var array: [UInt8] = []
        for _ in 0..<40 {
            if Bool.random(using: &generator) || array.isEmpty {
                let count = Int.random(in: 0...50, using: &generator)
                let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                rope.append(MessageBytes(bytes))
                array += bytes
            } else {
                let lower = Int.random(in: 0...array.count, using: &generator)
                let upper = Int.random(in: lower...array.count, using: &generator)
                let (part, expected) = (rope[lower..<upper], Array(array[lower..<upper]))
                #expect([UInt8](part) == expected, "seed \(seed)")
                if Bool.random(using: &generator) {
                    rope.append(part)
                    array += expected
                } else if upper - lower > array.count / 2 {
                    rope = part
                    array = expected
                }
            }
            #expect(rope.count == array.count, "seed \(seed)")
        }
        #expect([UInt8](rope) == array, "seed \(seed)")
        #expect(rope == MessageBytes(array), "seed \(seed)")
        #expect(rope.withContiguousBytes { Array($0) } == array, "seed \(seed)")
        if !array.isEmpty {
            array[array.count / 2] ^= 1
            #expect(rope != MessageBytes(array), "seed \(seed)")
        }
    }
}
