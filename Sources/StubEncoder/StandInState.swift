internal import GRPCTransport
internal import ModelBundle

/// What stands for the encoder's state: tensors of the true size that say which chain they belong
/// to, in their first and last 8 bytes (as many as there are), and are zeros between. A state that
/// has not begun, all zeros, is that of ``ChainHash/start``.
///
/// Every tensor says it, and at both ends, so that a stream whose state was lost, reset, swapped
/// with another's, or cut at the wrong place falls out of its chain.
struct StandInState: Sendable {
    private let states: [StateDescription]
    /// Shared by all answers: a state costs 8 bytes.
    private let filler: MessageBytes

    private static let markBytes = 8

    static func canStand(for encoder: EncoderDescription) -> Bool {
        encoder.states.contains { $0.input.byteCountPerStream >= markBytes }
    }

    init(_ encoder: EncoderDescription) {
        states = encoder.states
        let largest = states.map(\.output.byteCountPerStream).max() ?? 0
        filler = MessageBytes([UInt8](repeating: 0, count: largest))
    }

    /// The contents of the states' tensors, in the bundle's order, of rows with these chains.
    func contents(of chains: [ChainHash]) -> [MessageBytes] {
        let marks = chains.map { chain in
            withUnsafeBytes(of: chain.value.littleEndian) { MessageBytes(copying: $0) }
        }
        return states.map { state in
            state.output.batch(marks.map { row($0, bytes: state.output.byteCountPerStream) })
        }
    }

    private func row(_ mark: MessageBytes, bytes: Int) -> MessageBytes {
        guard bytes > Self.markBytes else { return mark[0..<bytes] }
        var row = mark
        let tail = min(Self.markBytes, bytes - Self.markBytes)
        row.append(filler[0..<bytes - Self.markBytes - tail])
        row.append(mark[0..<tail])
        return row
    }

    /// The chain that one row of the states' tensors belongs to, ``ChainHash/broken`` where they
    /// do not agree.
    /// - Parameter contents: In the bundle's order, each of the described size for so many rows.
    func chain(ofRow row: Int, of rows: Int, in contents: [MessageBytes]) -> ChainHash {
        let tensors = zip(states, contents).map { $0.input.row(row, of: rows, in: $1) }
        guard let whole = tensors.first(where: { $0.count >= Self.markBytes }) else {
            preconditionFailure("a stub stands for encoders with room for a mark")
        }
        let mark = Self.word(whole[0..<Self.markBytes])
        for tensor in tensors {
            let head = min(Self.markBytes, tensor.count)
            let tail = min(Self.markBytes, tensor.count - head)
            guard Self.word(tensor[0..<head]) == Self.low(head, of: mark),
                Self.word(tensor[tensor.count - tail..<tensor.count]) == Self.low(tail, of: mark)
            else { return .broken }
        }
        return ChainHash(value: mark)
    }

    /// At most 8 bytes as a number.
    private static func word(_ bytes: MessageBytes) -> UInt64 {
        var word: UInt64 = 0
        withUnsafeMutableBytes(of: &word) { bytes.copyBytes(to: $0) }
        return UInt64(littleEndian: word)
    }

    private static func low(_ bytes: Int, of word: UInt64) -> UInt64 {
        bytes == markBytes ? word : word & (1 << UInt64(bytes * 8) - 1)
    }
}
