internal import Foundation
internal import GRPCTransport
internal import MessageCoding
internal import ModelBundle
internal import StubEncoder
internal import SwiftProtobuf
internal import TestBackend
internal import TestSupport
internal import Wire

/// A stub that stands for ``TinyEncoder``, with a recording of some streams, and a client.
final class StubStage {
    let bundle: ModelBundle
    let encoder: ServedEncoder
    /// The chunks of each recorded stream.
    let streams: [[[Float]]]
    /// What the encoder itself says to each.
    let outputs: [[[Float]]]

    static let carried = "tiny-encoder"
    static let resident = "tiny-encoder-resident"

    init(
        streams count: Int = 3,
        chunks: Int = 5,
        maximumBatch: Int = 8,
        weights: String? = nil
    ) throws {
        var files = TinyBundle()
        if let weights {
            let version = "  version: \"\"\n"
            files.yaml.replace(version, with: version + "  weights: \"\(weights)\"\n")
        }
        bundle = try files.withDirectory { try ModelBundle.load(directory: $0) }
        encoder = try ServedEncoder(bundle.description.encoder, maximumBatch: maximumBatch)
        var random = SplitMix64(seed: 3)
        streams = (0..<count).map { _ in
            (0..<chunks).map { _ in random.floats(TinyEncoder.featureCount) }
        }
        outputs = streams.map { chunks in
            var encoder = TinyEncoder()
            return chunks.map { encoder.encode($0) }
        }
    }

    static let fallback = [Float](repeating: -7, count: TinyEncoder.outputCount)

    func recording(weights: String = "") -> EncoderRecording {
        var recording = EncoderRecording(
            model: Self.carried,
            weights: weights,
            featureByteCount: TinyEncoder.featureCount * 4,
            outputByteCount: TinyEncoder.outputCount * 4
        )
        recording.fallback = MessageBytes(elements: Self.fallback)
        for (stream, outputs) in zip(streams, outputs) {
            var chain = ChainHash.start
            for (chunk, output) in zip(stream, outputs) {
                chain = chain.followed(by: ChunkDigest(MessageBytes(elements: chunk)))
                recording.insert(MessageBytes(elements: output), for: chain)
            }
        }
        return recording
    }

    func serve(
        clock: some Clock<Duration> = ContinuousClock(),
        _ change: (inout StubEncoderServer.Configuration) -> Void = { _ in }
    ) throws -> ServedStub {
        var configuration = StubEncoderServer.Configuration()
        configuration.schedule.delay = .zero
        change(&configuration)
        return ServedStub(
            try StubEncoderServer(
                encoder: encoder,
                recording: recording(),
                configuration: configuration,
                clock: clock
            )
        )
    }
}

/// A stub that listens, and a connection to it.
final class ServedStub: Sendable {
    let server: StubEncoderServer
    private let channel: Channel

    init(_ server: StubEncoderServer) {
        self.server = server
        channel = Channel(target: "127.0.0.1:\(server.port)")
    }

    /// A carried chunk of several streams; nil states are zeros.
    func carried(
        _ chunks: [[Float]],
        _ states: [MessageBytes]? = nil
    ) async throws -> Inference_ModelInferResponse {
        let rows = chunks.count
        let zeros = [14 * 4, 8].map { MessageBytes([UInt8](repeating: 0, count: rows * $0)) }
        return try await infer(
            Self.request(
                StubStage.carried,
                [MessageBytes(elements: chunks.flatMap(\.self))] + (states ?? zeros),
                rows: rows
            )
        )
    }

    /// A chunk of a sequence.
    func resident(
        _ sequence: Int64,
        _ chunk: [Float]?,
        start: Bool = false,
        end: Bool = false,
        states: [MessageBytes] = [],
        snapshot: Bool = false,
        id: String = ""
    ) async throws -> Inference_ModelInferResponse {
        var request = Self.request(
            StubStage.resident,
            (chunk.map { [MessageBytes(elements: $0)] } ?? []) + states,
            rows: 1
        )
        request.id = id
        request.parameters["sequence_id"] = .with { $0.int64Param = sequence }
        if start { request.parameters["sequence_start"] = .with { $0.boolParam = true } }
        if end { request.parameters["sequence_end"] = .with { $0.boolParam = true } }
        let names = ["encoder_out"] + (snapshot ? ["new_cache", "new_lens"] : [])
        request.outputs = names.map { name in .with { $0.name = name } }
        return try await infer(request)
    }

    static func request(
        _ model: String,
        _ contents: [MessageBytes],
        rows: Int
    ) -> Inference_ModelInferRequest {
        let rows = Int64(rows)
        let tensors: [(String, String, [Int64])] = [
            ("x", "FP32", [rows, 5, 4]), ("cache", "FP32", [2, rows, 7]), ("lens", "INT64", [rows]),
        ]
        return .with { request in
            request.modelName = model
            // What comes alone is the chunk; what comes as a pair, the states.
            let chosen = contents.count == 2 ? tensors[1...] : tensors[..<contents.count]
            request.inputs = chosen.map { name, datatype, shape in
                .with {
                    $0.name = name
                    $0.datatype = datatype
                    $0.shape = shape
                }
            }
            request.rawInputContents = contents.map { Data([UInt8]($0)) }
        }
    }

    func infer(
        _ request: Inference_ModelInferRequest
    ) async throws -> Inference_ModelInferResponse {
        try await call("ModelInfer", request)
    }

    func call<Answer: SwiftProtobuf.Message>(
        _ method: String,
        _ request: some SwiftProtobuf.Message
    ) async throws -> Answer {
        try Answer(parsing: try await bytes(method, try request.messageBytes()))
    }

    func bytes(_ method: String, _ request: MessageBytes) async throws(RPCError) -> MessageBytes {
        try await channel.unary("/inference.GRPCInferenceService/\(method)", request)
    }

    func close() async {
        channel.close()
        await server.shutdown(gracePeriod: .zero)
    }
}

extension Inference_ModelInferResponse {
    /// The encoder's frames of each row.
    var frames: [[Float]] {
        let all = [Float](MessageBytes([UInt8](rawOutputContents[0])))
        return stride(from: 0, to: all.count, by: TinyEncoder.outputCount).map {
            Array(all[$0..<$0 + TinyEncoder.outputCount])
        }
    }

    /// The states' contents.
    var states: [MessageBytes] { rawOutputContents.dropFirst().map { MessageBytes([UInt8]($0)) } }
}
