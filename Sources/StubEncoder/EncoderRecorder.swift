public import AudioFrontend
internal import Foundation
public import GRPCTransport
internal import MessageCoding
internal import ModelBundle
internal import SwiftProtobuf
internal import Wire

/// Has a real encoder, carried, encode recordings as a session would, and keeps what it answers.
public struct EncoderRecorder {
    /// What has been recorded so far.
    public private(set) var recording: EncoderRecording

    private let encoder: ServedEncoder
    private let filterbank: FilterbankConfiguration
    private let channel: Channel

    /// What one chunk may take.
    private static let timeout = Duration.seconds(30)
    /// Silence after which the encoder has nothing more to say.
    private static let silenceSeconds = 3
    private static let bytesPerSample = 2
    /// Room in an answer for what is not tensor contents.
    private static let answerOverheadBytes = 1 << 20

    /// Connects, checks that the model is there, and records what silence is answered with, and a
    /// first chunk of zero features, by which servers are tried.
    ///
    /// - Parameter address: The Triton's "host:port".
    /// - Throws: ``RPCError`` when it cannot be reached or does not run the model,
    ///   ``StubEncoderError`` when its answers are not what the bundle says.
    public init(
        encoder: ServedEncoder,
        filterbank: FilterbankConfiguration,
        address: String
    ) async throws {
        self.encoder = encoder
        self.filterbank = filterbank
        var configuration = Channel.Configuration()
        configuration.maximumReceivedMessageBytes =
            encoder.byteCountPerRow + Self.answerOverheadBytes
        channel = Channel(target: address, configuration: configuration)
        let features = encoder.description.features
        recording = EncoderRecording(
            model: encoder.description.carriedTritonModel,
            weights: encoder.weights,
            featureByteCount: features.byteCountPerStream,
            outputByteCount: encoder.description.output.byteCountPerStream
        )
        try await checkWeights()
        var stream = EncodedStream(encoder)
        try await run(
            MessageBytes([UInt8](repeating: 0, count: features.byteCountPerStream)),
            &stream
        )
        let silence = filterbank.sampleRateHertz * Self.silenceSeconds * Self.bytesPerSample
        let frames = try await record(
            audio: [UInt8](repeating: 0, count: silence),
            sampleRateHertz: filterbank.sampleRateHertz
        )
        if let frames { recording.fallback = frames }
    }

    /// Closes the connection.
    public func close() {
        channel.close()
    }

    /// Records one recording from its first chunk to its last, the padding at its end included.
    ///
    /// - Parameter audio: 16-bit little-endian samples of one channel.
    /// - Returns: The last chunk's encoder frames; nil when there was no whole chunk.
    /// - Throws: ``RPCError``, ``StubEncoderError``, and `AudioError` for audio that a session
    ///   would not take.
    @discardableResult
    public mutating func record(
        audio: [UInt8],
        sampleRateHertz: Int
    ) async throws -> MessageBytes? {
        let frontend = try AudioFrontend(sampleRateHertz: sampleRateHertz, filterbank: filterbank)
        try Self.append(audio, to: frontend)
        try frontend.finish()
        let description = encoder.description
        var stream = EncodedStream(encoder)
        var last: MessageBytes?
        var first = 0
        while first + description.chunkFrames <= frontend.frameCount {
            let frames = first..<first + description.chunkFrames
            let features = MessageBytes(count: description.features.byteCountPerStream) {
                frontend.copyFrames(frames, to: $0.bindMemory(to: Float.self))
            }
            last = try await run(features, &stream)
            first += description.chunkShiftFrames
            frontend.discardFrames(before: first)
        }
        return last
    }

    private static func append(_ audio: [UInt8], to frontend: AudioFrontend) throws(AudioError) {
        let result = audio.withUnsafeBytes { buffer in
            Result { () throws(AudioError) in try frontend.append(buffer) }
        }
        try result.get()
    }

    /// Runs a stream's next chunk, and keeps its output.
    @discardableResult
    private mutating func run(
        _ features: MessageBytes,
        _ stream: inout EncodedStream
    ) async throws -> MessageBytes {
        let request = Inference_ModelInferRequest.with { request in
            request.modelName = encoder.description.carriedTritonModel
            request.modelVersion = encoder.description.version
            request.inputs = encoder.inputs.map { input in
                .with {
                    $0.name = input.name
                    $0.datatype = input.datatype.rawValue
                    $0.shape = input.shape(rows: 1)
                }
            }
            request.outputs = encoder.outputs.map { output in .with { $0.name = output.name } }
            request.rawInputContents = ([features] + stream.states).map { Data([UInt8]($0)) }
        }
        let response = try Inference_ModelInferResponse(
            parsing: try await channel.unary(
                "/inference.GRPCInferenceService/ModelInfer",
                try request.messageBytes(),
                timeout: Self.timeout
            )
        )
        var contents: [String: MessageBytes] = [:]
        for (output, content) in zip(response.outputs, response.rawOutputContents) {
            contents[output.name] = MessageBytes([UInt8](content))
        }
        let outputs = try encoder.outputs.map { output in
            guard let content = contents[output.name], content.count == output.byteCountPerStream
            else {
                throw StubEncoderError(
                    """
                    the server's model "\(response.modelName)" answered \
                    \(contents[output.name]?.count ?? 0) bytes of output "\(output.name)", the \
                    bundle says \(output.byteCountPerStream); record from one that serves this \
                    bundle's encoder
                    """
                )
            }
            return content
        }
        stream.states = Array(outputs.dropFirst())
        stream.chain = stream.chain.followed(by: ChunkDigest(features))
        recording.insert(outputs[0], for: stream.chain)
        return outputs[0]
    }

    /// A recording that is told to be of certain weights must be.
    private func checkWeights() async throws {
        guard !encoder.weights.isEmpty else { return }
        let request = Inference_ModelConfigRequest.with {
            $0.name = encoder.description.carriedTritonModel
            $0.version = encoder.description.version
        }
        let response = try Inference_ModelConfigResponse(
            parsing: try await channel.unary(
                "/inference.GRPCInferenceService/ModelConfig",
                try request.messageBytes(),
                timeout: Self.timeout
            )
        )
        let served = response.config.parameters["weights"]?.stringValue ?? ""
        guard served == encoder.weights else {
            throw StubEncoderError(
                """
                the server's model "\(encoder.description.carriedTritonModel)" has weights \
                \(served.isEmpty ? "that it does not name" : served), the bundle says \
                \(encoder.weights); record from one that serves this bundle's encoder
                """
            )
        }
    }
}

/// A stream on its way through the encoder.
private struct EncodedStream {
    var chain = ChainHash.start
    /// Contents in the bundle's order; zeros at the start.
    var states: [MessageBytes]

    init(_ encoder: ServedEncoder) {
        states = encoder.description.states.map {
            MessageBytes([UInt8](repeating: 0, count: $0.input.byteCountPerStream))
        }
    }
}
