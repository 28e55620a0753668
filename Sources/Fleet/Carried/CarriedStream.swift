internal import GRPCTransport
internal import ModelBundle

/// A stream whose state travels with each of its chunks, so that any endpoint can take any chunk.
final class CarriedStream: EncoderStream {
    private let endpoints: EndpointSet
    private let codec: InferenceCodec
    /// What the stream's last chunk left behind.
    private(set) var state: CarriedState

    init(_ endpoints: EndpointSet, _ codec: InferenceCodec, state: CarriedState) {
        self.endpoints = endpoints
        self.codec = codec
        self.state = state
    }

    func encode(_ features: [Float]) async throws(FleetError) -> EncoderOutput {
        let request = codec.request([codec.contents(ofChunk: features)] + state.contents)
        var attempts = Attempts(endpoints)
        while true {
            let (lease, endpoint) = try await attempts.next()
            let timeout = attempts.timeout
            let answer: MessageBytes
            do {
                answer = try await endpoint.client.modelInfer(request, timeout: timeout)
            } catch {
                try attempts.failed(lease, endpoint, error, timeout: timeout)
                continue
            }
            var outputs: [MessageBytes]
            do {
                outputs = try codec.outputs(of: answer)
            } catch {
                try attempts.failed(lease, reason: error.message, error)
                continue
            }
            attempts.succeeded(lease)
            let output = EncoderOutput(outputs.removeFirst(), dimension: codec.frameDimension)
            state = CarriedState(outputs)
            return output
        }
    }

    func end() {}
}
