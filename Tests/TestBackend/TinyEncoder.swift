internal import Foundation
public import GRPCTransport
internal import SwiftProtobuf
public import Wire

/// The encoder of `TinyBundle` as a formula, in which every feature and both tensors of the state
/// count: an answer computed from a lost, swapped or reset state is another one.
public struct TinyEncoder: Equatable, Sendable {
    public static let featureCount = 20
    public static let outputCount = 6
    private static let cacheCount = 14
    private static let chunkShiftFrames: Int64 = 4

    /// `[2, 1, 7]`
    public private(set) var cache = [Float](repeating: 0, count: cacheCount)
    /// `[1]`, feature frames that have gone by.
    public private(set) var lens: Int64 = 0

    public init() {}

    init(cache: MessageBytes, lens: MessageBytes) {
        self.cache = [Float](cache)
        self.lens = lens.withContiguousBytes {
            Int64(littleEndian: $0.loadUnaligned(as: Int64.self))
        }
    }

    /// The state's tensors as they travel.
    public var stateContents: [MessageBytes] {
        [MessageBytes(elements: cache), MessageBytes(elements: [lens])]
    }

    /// Runs one chunk.
    /// - Parameter features: `[1, 5, 4]`
    /// - Returns: `[1, 2, 3]`, within -2...2.
    public mutating func encode(_ features: [Float]) -> [Float] {
        precondition(features.count == Self.featureCount, "a chunk has a fixed size")
        let output = (0..<Self.outputCount).map { index in
            let early = features[index] - features[index + 7]
            let late = features[Self.featureCount - 1 - index]
            let remembered = cache[index] + cache[Self.cacheCount - 1 - index]
            let sum = early + late / 4 + remembered + Float(lens % 256) / 256
            return 4 * (sum - sum.rounded())
        }
        for index in cache.indices {
            cache[index] = cache[index] / 2 + features[index] / 8 - features[index + 6] / 16
        }
        lens += Self.chunkShiftFrames
        return output
    }
}

extension TinyEncoder {
    /// The inputs and outputs that Triton would state, the names as in the bundle.
    public static let metadata = Inference_ModelMetadataResponse.with {
        $0.name = "tiny-encoder"
        $0.versions = ["1"]
        $0.platform = "double"
        $0.inputs = [
            tensor("x", "FP32", [-1, 5, 4]), tensor("cache", "FP32", [2, -1, 7]),
            tensor("lens", "INT64", [-1]),
        ]
        $0.outputs = [
            tensor("encoder_out", "FP32", [-1, 2, 3]), tensor("new_cache", "FP32", [2, -1, 7]),
            tensor("new_lens", "INT64", [-1]),
        ]
    }

    private static func tensor(
        _ name: String,
        _ datatype: String,
        _ shape: [Int64]
    ) -> Inference_ModelMetadataResponse.TensorMetadata {
        .with {
            $0.name = name
            $0.datatype = datatype
            $0.shape = shape
        }
    }

    private static let inputShapes: [[Int64]] = [[1, 5, 4], [2, 1, 7], [1]]
    private static let outputShapes: [[Int64]] = [[1, 2, 3], [2, 1, 7], [1]]

    /// The right answer to a request of one stream.
    /// - Throws: `INVALID_ARGUMENT` when a tensor is not as the metadata says, as Triton does.
    static func answer(
        _ request: Inference_ModelInferRequest
    ) throws(RPCError) -> Inference_ModelInferResponse {
        let asked = request.inputs.map { [$0.name, $0.datatype, "\($0.shape)"] }
        let wanted = zip(metadata.inputs, inputShapes).map { [$0.name, $0.datatype, "\($1)"] }
        guard request.modelName == metadata.name, asked == wanted else {
            throw RPCError(.invalidArgument, "unexpected inputs \(asked) of \(request.modelName)")
        }
        let contents = request.rawInputContents.map { MessageBytes([UInt8]($0)) }
        guard contents.map(\.count) == [featureCount * 4, cacheCount * 4, 8] else {
            throw RPCError(.invalidArgument, "unexpected sizes \(contents.map(\.count))")
        }
        var encoder = TinyEncoder(cache: contents[1], lens: contents[2])
        let output = encoder.encode([Float](contents[0]))
        return response([MessageBytes(elements: output)] + encoder.stateContents)
    }

    /// An answer of these contents.
    public static func response(_ contents: [MessageBytes]) -> Inference_ModelInferResponse {
        .with {
            $0.modelName = metadata.name
            $0.modelVersion = "1"
            $0.outputs = zip(metadata.outputs, outputShapes).map { output, shape in
                .with {
                    $0.name = output.name
                    $0.datatype = output.datatype
                    $0.shape = shape
                }
            }
            $0.rawOutputContents = contents.map { .init([UInt8]($0)) }
        }
    }
}

extension MessageBytes {
    /// Little-endian elements.
    public init(elements values: [Float]) {
        self.init(
            values.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }
        )
    }

    /// Little-endian elements.
    public init(elements values: [Int64]) {
        self.init(values.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) })
    }
}

extension [Float] {
    /// The elements of little-endian contents.
    public init(_ contents: MessageBytes) {
        self = contents.withContiguousBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map {
                Float(
                    bitPattern: UInt32(
                        littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)
                    )
                )
            }
        }
    }
}
