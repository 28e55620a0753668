/// One message's bytes: an immutable rope of reference-counted slices.
///
/// A received message shares the buffers its bytes were read into, and so does every part cut from
/// it; a sent one is handed to the transport slice by slice. Only `init(_:)`, `init(copying:)` and
/// the functions that say so copy.
public struct MessageBytes: Sendable {
    /// A part of one slice.
    struct Fragment: Sendable {
        var slice: Slice
        var offset: Int
        var length: Int
    }

    /// Nearly every message is one fragment; it needs no array.
    private enum Storage {
        case empty
        case one(Fragment)
        case many([Fragment])
    }

    private var storage = Storage.empty
    public private(set) var count = 0

    public init() {}

    public init(_ bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { MessageBytes(copying: $0) }
    }

    public init(copying bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        let slice = Slice(copying: bytes)
        storage = .one(Fragment(slice: slice, offset: 0, length: bytes.count))
        count = bytes.count
    }

    /// Bytes written in place: `fill` gets `count` uninitialised bytes and must write all of them.
    public init(count: Int, filledBy fill: (UnsafeMutableRawBufferPointer) -> Void) {
        guard count > 0 else { return }
        storage = .one(
            Fragment(slice: Slice(count: count, filledBy: fill), offset: 0, length: count)
        )
        self.count = count
    }

    init(_ fragments: [Fragment]) {
        for fragment in fragments { append(fragment) }
    }

    init(single slice: Slice) {
        append(Fragment(slice: slice, offset: 0, length: slice.bytes.count))
    }

    var singleFragment: Fragment? {
        if case .one(let fragment) = storage { fragment } else { nil }
    }

    public var isEmpty: Bool { count == 0 }

    /// The number of contiguous pieces.
    public var sliceCount: Int { fragments.count }

    /// A part, which shares the slices: nothing is copied. `bounds` must lie within `0..<count`.
    public subscript(bounds: Range<Int>) -> MessageBytes {
        precondition(
            bounds.lowerBound >= 0 && bounds.upperBound <= count,
            "the range \(bounds) is outside a message of \(count) bytes"
        )
        var part = MessageBytes()
        var start = 0
        for fragment in fragments where !bounds.isEmpty {
            let lower = max(bounds.lowerBound, start)
            let upper = min(bounds.upperBound, start + fragment.length)
            if lower < upper {
                part.append(
                    Fragment(
                        slice: fragment.slice,
                        offset: fragment.offset + lower - start,
                        length: upper - lower
                    )
                )
            }
            start += fragment.length
            if start >= bounds.upperBound { break }
        }
        return part
    }

    /// Adds the other message's slices at the end: nothing is copied.
    public mutating func append(_ other: MessageBytes) {
        for fragment in other.fragments { append(fragment) }
    }

    private mutating func append(_ fragment: Fragment) {
        guard fragment.length > 0 else { return }
        switch storage {
        case .empty:
            storage = .one(fragment)
        case .one(let first):
            storage = .many([first, fragment])
        case .many(var fragments):
            storage = .empty  // so that the array is not copied for having two owners
            fragments.append(fragment)
            storage = .many(fragments)
        }
        count += fragment.length
    }

    /// Copies the message to the start of `target`, which must have room for it.
    public func copyBytes(to target: UnsafeMutableRawBufferPointer) {
        precondition(target.count >= count, "\(count) bytes do not fit in \(target.count)")
        var start = 0
        forEachSlice { slice in
            UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: slice)
            start += slice.count
        }
    }

    /// Calls `body` with the message in one piece; copies only a message of several slices. The
    /// pointer is valid inside `body` alone.
    public func withContiguousBytes<Value, Failure>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        switch storage {
        case .empty:
            return try body(UnsafeRawBufferPointer(start: nil, count: 0))
        case .one(let fragment):
            return try fragment.withBytes(body)
        case .many:
            let joined = UnsafeMutableRawBufferPointer.allocate(
                byteCount: count,
                alignment: MemoryLayout<UInt64>.alignment
            )
            defer { joined.deallocate() }
            copyBytes(to: joined)
            return try body(UnsafeRawBufferPointer(joined))
        }
    }

    /// Calls `body` with each slice in order. The pointers are valid inside `body` alone.
    public func forEachSlice<Failure>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        switch storage {
        case .empty: break
        case .one(let fragment): try fragment.withBytes(body)
        case .many(let fragments):
            for fragment in fragments { try fragment.withBytes(body) }
        }
    }

    var fragments: [Fragment] {
        switch storage {
        case .empty: []
        case .one(let fragment): [fragment]
        case .many(let fragments): fragments
        }
    }
}

extension MessageBytes.Fragment {
    func withBytes<Value, Failure>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        // The slice is held by `self` for the length of the call, and with it its memory.
        try body(UnsafeRawBufferPointer(rebasing: slice.bytes[offset..<(offset + length)]))
    }
}

extension [UInt8] {
    /// A copy of the message's bytes.
    public init(_ message: MessageBytes) {
        self.init(unsafeUninitializedCapacity: message.count) { target, count in
            message.copyBytes(to: UnsafeMutableRawBufferPointer(target))
            count = message.count
        }
    }
}

extension MessageBytes: Equatable {
    public static func == (left: MessageBytes, right: MessageBytes) -> Bool {
        left.count == right.count
            && left.withContiguousBytes { leftBytes in
                right.withContiguousBytes { leftBytes.elementsEqual($0) }
            }
    }
}
