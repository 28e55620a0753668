/// A streaming encoder that Triton serves: how features are cut into chunks for it, and its tensors.
public struct EncoderDescription: Sendable, Hashable {
    /// Where a stream's state is between two chunks.
    public enum StatePolicy: String, Sendable, CaseIterable, Codable {
        /// The state tensors travel with each request, so any endpoint can serve any chunk.
        case carried
        /// The state stays on the endpoint, in a sequence of Triton's; a stream goes elsewhere by a
        /// snapshot of it.
        case resident
    }

    /// The name, in Triton's repository, of the model that takes and gives the state with each chunk.
    public let carriedTritonModel: String
    /// That of the same encoder keeping the state; nil where the bundle names none.
    public let residentTritonModel: String?
    /// What identifies the encoder's graph, `sha256:` and a digest in hexadecimal. Triton's models
    /// have it as their parameter `weights`. A stream's state goes only where it is the same.
    public let weights: String?
    /// The version to run; empty for whichever Triton serves.
    public let version: String
    /// The one in force.
    public let statePolicy: StatePolicy
    /// Feature frames that a chunk holds.
    public let chunkFrames: Int
    /// Feature frames from a chunk's start to the next one's.
    public let chunkShiftFrames: Int
    /// Encoder frames that a chunk yields.
    public let outputFrames: Int
    /// The time that an encoder frame stands for.
    public let outputFrameDuration: Duration
    /// `[chunkFrames, mel bins]` and the batch.
    public let features: TensorDescription
    /// `[outputFrames, joiner dimension]` and the batch.
    public let output: TensorDescription
    public let states: [StateDescription]

    /// - Parameters:
    ///   - tritonModel: The one that takes and gives the state.
    ///   - residentTritonModel: The one that keeps it, without which no policy is `resident`.
    package init(
        tritonModel: String,
        residentTritonModel: String? = nil,
        weights: String? = nil,
        version: String = "",
        statePolicy: StatePolicy,
        chunkFrames: Int,
        chunkShiftFrames: Int,
        outputFrames: Int,
        outputFrameDuration: Duration,
        features: TensorDescription,
        output: TensorDescription,
        states: [StateDescription]
    ) {
        precondition(
            statePolicy != .resident || residentTritonModel != nil,
            "resident state without a model that keeps it"
        )
        carriedTritonModel = tritonModel
        self.residentTritonModel = residentTritonModel
        self.weights = weights
        self.version = version
        self.statePolicy = statePolicy
        self.chunkFrames = chunkFrames
        self.chunkShiftFrames = chunkShiftFrames
        self.outputFrames = outputFrames
        self.outputFrameDuration = outputFrameDuration
        self.features = features
        self.output = output
        self.states = states
    }

    /// The same encoder with its streams' state elsewhere.
    ///
    /// - Throws: Where no Triton model of the bundle keeps state.
    public func using(_ policy: StatePolicy) throws(ModelBundleError) -> EncoderDescription {
        guard policy != .resident || residentTritonModel != nil else {
            throw ModelBundleError(
                place: ModelBundle.fileNames[0],
                field: "encoder.resident",
                problem:
                    "missing, but the state policy is to be \(policy.rawValue); export the model"
                    + " again with Tools/export/sherpa_onnx.py, which writes the Triton model that"
                    + " keeps state, or use \(StatePolicy.carried.rawValue)"
            )
        }
        return EncoderDescription(
            tritonModel: carriedTritonModel,
            residentTritonModel: residentTritonModel,
            weights: weights,
            version: version,
            statePolicy: policy,
            chunkFrames: chunkFrames,
            chunkShiftFrames: chunkShiftFrames,
            outputFrames: outputFrames,
            outputFrameDuration: outputFrameDuration,
            features: features,
            output: output,
            states: states
        )
    }

    /// The name, in Triton's repository, of the model of the policy in force.
    public var tritonModel: String {
        switch statePolicy {
        case .carried: carriedTritonModel
        case .resident:
            // The initialisers let no resident policy be without its model.
            residentTritonModel ?? carriedTritonModel
        }
    }

    /// Bytes of a stream's state.
    public var stateByteCountPerStream: Int {
        states.reduce(0) { $0 + $1.input.byteCountPerStream }
    }

    /// The time from a chunk's start to the next one's.
    public var chunkShiftDuration: Duration { outputFrameDuration * outputFrames }
}
