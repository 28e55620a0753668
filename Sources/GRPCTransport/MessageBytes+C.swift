internal import CGRPCShim

/// One reference to a slice of gRPC's.
///
/// Unchecked because the pointer's type says nothing: the slice is immutable once made, and its
/// reference count is atomic.
final class Slice: @unchecked Sendable {
    let pointer: OpaquePointer
    /// Valid as long as this object.
    let bytes: UnsafeRawBufferPointer

    /// Takes over the caller's reference.
    init(taking pointer: OpaquePointer) {
        self.pointer = pointer
        let view = cgrpc_slice_bytes(pointer)
        bytes = UnsafeRawBufferPointer(start: view.start, count: view.length)
    }

    convenience init(copying bytes: UnsafeRawBufferPointer) {
        self.init(taking: cgrpc_slice_copy(cgrpc_bytes(bytes)))
    }

    convenience init(count: Int, filledBy fill: (UnsafeMutableRawBufferPointer) -> Void) {
        var start: UnsafeMutablePointer<UInt8>?
        let pointer: OpaquePointer = cgrpc_slice_allocate(count, &start)
        fill(UnsafeMutableRawBufferPointer(start: start, count: count))
        self.init(taking: pointer)
    }

    deinit {
        cgrpc_slice_unref(pointer)
    }
}

extension MessageBytes {
    /// A received message, with the callback's reference to each slice.
    init(taking slices: UnsafePointer<OpaquePointer?>?, count: Int) {
        if count == 1, let pointer = slices?.pointee {
            self.init(single: Slice(taking: pointer))
            return
        }
        self.init(
            UnsafeBufferPointer(start: slices, count: count).compactMap { pointer in
                pointer.map {
                    let slice = Slice(taking: $0)
                    return Fragment(slice: slice, offset: 0, length: slice.bytes.count)
                }
            }
        )
    }

    /// Calls `body` with what the shim's write functions take. The pointer is valid inside `body`
    /// alone; gRPC takes references of its own.
    func withFragments<Value>(
        _ body: (UnsafePointer<cgrpc_fragment>?, Int) -> Value
    ) -> Value {
        if let only = singleFragment {
            var fragment = cgrpc_fragment(only)
            return withExtendedLifetime(only) { body(&fragment, 1) }
        }
        let fragments = fragments
        let c = fragments.map(cgrpc_fragment.init)
        return withExtendedLifetime(fragments) {
            c.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
        }
    }
}

extension cgrpc_fragment {
    init(_ fragment: MessageBytes.Fragment) {
        self.init(
            slice: fragment.slice.pointer,
            offset: fragment.offset,
            length: fragment.length
        )
    }
}

extension cgrpc_bytes {
    /// Borrows: valid as long as `bytes` is.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(
            start: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
            length: bytes.count
        )
    }

    var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: length) }
    var string: String { String(decoding: buffer, as: UTF8.self) }
}
