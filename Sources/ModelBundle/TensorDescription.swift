/// A tensor at the boundary of a served model, row-major.
public struct TensorDescription: Sendable, Hashable {
    /// Element types, by their names in the KServe protocol.
    public enum Datatype: String, Sendable, CaseIterable, Codable {
        case bool = "BOOL"
        case uint8 = "UINT8"
        case int8 = "INT8"
        case int16 = "INT16"
        case int32 = "INT32"
        case int64 = "INT64"
        case float16 = "FP16"
        case bfloat16 = "BF16"
        case float32 = "FP32"
        case float64 = "FP64"

        /// Bytes that one element takes.
        public var byteCount: Int {
            switch self {
            case .bool, .uint8, .int8: 1
            case .int16, .float16, .bfloat16: 2
            case .int32, .float32: 4
            case .int64, .float64: 8
            }
        }
    }

    public let name: String
    public let datatype: Datatype
    /// Sizes of the dimensions; that of `batchAxis`, and no other, is nil.
    public let shape: [Int?]
    public let batchAxis: Int

    /// - Parameter shape: Sizes from 1 on, with nil at `batchAxis` and nowhere else.
    package init(name: String, datatype: Datatype, shape: [Int?], batchAxis: Int) {
        self.name = name
        self.datatype = datatype
        self.shape = shape
        self.batchAxis = batchAxis
    }

    /// Elements that one stream contributes to a batch. Loading has bounded the product.
    public var elementCountPerStream: Int { shape.reduce(1) { $0 * ($1 ?? 1) } }

    /// Bytes that one stream contributes to a batch.
    public var byteCountPerStream: Int { elementCountPerStream * datatype.byteCount }

    /// The sizes of the dimensions other than the batch's.
    public var dimensionsWithoutBatch: [Int] { shape.compactMap(\.self) }
}

/// A tensor that a stream carries from one chunk to the next. It starts at zero.
public struct StateDescription: Sendable, Hashable {
    /// What the encoder takes.
    public let input: TensorDescription
    /// What the encoder gives for the next chunk, of the same type and shape.
    public let output: TensorDescription

    package init(input: TensorDescription, output: TensorDescription) {
        self.input = input
        self.output = output
    }
}
