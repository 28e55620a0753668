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

    /// The right answer to a request of one or of several streams.
    /// - Throws: `INVALID_ARGUMENT` when a tensor is not as the metadata says, as Triton does.
    static func answer(
        _ request: Inference_ModelInferRequest
    ) throws(RPCError) -> Inference_ModelInferResponse {
        let rows = Int(request.inputs.first?.shape.first ?? 0)
        let asked = request.inputs.map { [$0.name, $0.datatype, "\($0.shape)"] }
        let wanted = metadata.inputs.map { input in
            [input.name, input.datatype, "\(input.shape.map { $0 == -1 ? Int64(rows) : $0 })"]
        }
        guard request.modelName == metadata.name, rows > 0, asked == wanted else {
            throw RPCError(.invalidArgument, "unexpected inputs \(asked) of \(request.modelName)")
        }
        let sizes = request.rawInputContents.map(\.count)
        guard sizes == [featureCount * 4, cacheCount * 4, 8].map({ $0 * rows }) else {
            throw RPCError(.invalidArgument, "unexpected sizes \(sizes)")
        }
        return response(
            self.rows(of: request).map { features, encoder in
                var encoder = encoder
                let output = encoder.encode(features)
                return [MessageBytes(elements: output)] + encoder.stateContents
            }
        )
    }

    /// The features and the state of each stream of a valid request.
    static func rows(
        of request: Inference_ModelInferRequest
    ) -> [(features: [Float], encoder: TinyEncoder)] {
        let rows = Int(request.inputs[0].shape[0])
        let contents = request.rawInputContents.map { [UInt8]($0) }
        return (0..<rows).map { row in
            let parts = zip(contents, metadata.inputs).map { content, input in
                let slabs = slabCount(input)
                let slab = content.count / rows / slabs
                return MessageBytes(
                    (0..<slabs).flatMap { place in
                        let start = (place * rows + row) * slab
                        return content[start..<start + slab]
                    }
                )
            }
            return ([Float](parts[0]), TinyEncoder(cache: parts[1], lens: parts[2]))
        }
    }

    /// Pieces into which a batch cuts a stream's tensor: one for each place before the batch axis.
    private static func slabCount(
        _ tensor: Inference_ModelMetadataResponse.TensorMetadata
    ) -> Int {
        tensor.shape.prefix { $0 != -1 }.reduce(1) { $0 * Int($1) }
    }

    /// An answer to one stream.
    public static func response(_ contents: [MessageBytes]) -> Inference_ModelInferResponse {
        response([contents])
    }

    /// An answer of these contents, one list a stream.
    public static func response(_ rows: [[MessageBytes]]) -> Inference_ModelInferResponse {
        .with {
            $0.modelName = metadata.name
            $0.modelVersion = "1"
            $0.outputs = metadata.outputs.map { output in
                .with {
                    $0.name = output.name
                    $0.datatype = output.datatype
                    $0.shape = output.shape.map { $0 == -1 ? Int64(rows.count) : $0 }
                }
            }
            $0.rawOutputContents = metadata.outputs.enumerated().map { index, output in
                let slabs = slabCount(output)
                let contents = rows.map { [UInt8]($0[index]) }
                return .init(
                    (0..<slabs).flatMap { place in
                        contents.flatMap { content in
                            let slab = content.count / slabs
                            return content[place * slab..<(place + 1) * slab]
                        }
                    }
                )
            }
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
