internal import GRPCTransport
public import ModelBundle

/// An encoder as the stub serves it: under which names, with which weights, how many rows at a time.
public struct ServedEncoder: Sendable {
    /// Which of an encoder's two models on Triton.
    public enum Policy: String, Sendable, CaseIterable {
        /// Takes the states with each chunk, and gives the new ones.
        case carried
        /// Keeps the states of its sequences.
        case resident
    }

    public let description: EncoderDescription
    /// Rows of the largest request that the carried model takes.
    public let maximumBatch: Int

    /// - Throws: ``StubEncoderError`` when the encoder's states have no room for a chain's hash.
    public init(_ description: EncoderDescription, maximumBatch: Int = 64) throws(StubEncoderError)
    {
        precondition(maximumBatch > 0, "a batch has a row")
        guard StandInState.canStand(for: description) else {
            throw StubEncoderError(
                """
                model "\(description.carriedTritonModel)": none of its states has the 8 bytes that say \
                what a stream has had encoded; a stub cannot stand in for this encoder
                """
            )
        }
        self.description = description
        self.maximumBatch = maximumBatch
    }

    /// The model's name on Triton; by the exporter's rule where the bundle names no resident one.
    public func name(_ policy: Policy) -> String {
        switch policy {
        case .carried: description.carriedTritonModel
        case .resident:
            description.residentTritonModel ?? description.carriedTritonModel + "-resident"
        }
    }

    /// What the bundle says of the encoder's weights, as in "sha256:..."; empty if nothing.
    public var weights: String { description.weights ?? "" }

    /// Every input of both models: the features, then the states.
    var inputs: [TensorDescription] { [description.features] + description.states.map(\.input) }
    /// Every output of both models: the encoder's frames, then the new states.
    var outputs: [TensorDescription] { [description.output] + description.states.map(\.output) }
    /// Bytes of the tensors of one row, there and back.
    var byteCountPerRow: Int {
        description.stateByteCountPerStream
            + max(description.features.byteCountPerStream, description.output.byteCountPerStream)
    }
}

/// Why a stub cannot be had. Says what, where, and what to do.
public struct StubEncoderError: Error, Equatable, CustomStringConvertible {
    public var description: String

    init(_ description: String) {
        self.description = description
    }
}

extension TensorDescription {
    /// The shape with so many rows; -1 stands for any number.
    func shape(rows: Int) -> [Int64] { shape.map { Int64($0 ?? rows) } }

    /// Stretches in which a row's bytes lie: one, unless the batch is an inner axis.
    private var stretchCount: Int { shape[..<batchAxis].reduce(1) { $0 * ($1 ?? 1) } }

    /// One row's contents, cut from those of a batch without a copy.
    func row(_ row: Int, of rows: Int, in contents: MessageBytes) -> MessageBytes {
        if rows == 1 { return contents }
        let stretchBytes = byteCountPerStream / stretchCount
        var result = MessageBytes()
        for stretch in 0..<stretchCount {
            let start = (stretch * rows + row) * stretchBytes
            result.append(contents[start..<start + stretchBytes])
        }
        return result
    }

    /// The contents of a batch, put together from its rows' without a copy.
    func batch(_ rows: [MessageBytes]) -> MessageBytes {
        if rows.count == 1 { return rows[0] }
        let stretchBytes = byteCountPerStream / stretchCount
        var result = MessageBytes()
        for stretch in 0..<stretchCount {
            for row in rows {
                result.append(row[stretch * stretchBytes..<(stretch + 1) * stretchBytes])
            }
        }
        return result
    }
}
