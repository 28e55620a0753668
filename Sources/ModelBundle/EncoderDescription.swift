/// A streaming encoder that Triton serves: how features are cut into chunks for it, and its tensors.
public struct EncoderDescription: Sendable, Hashable {
    /// Where a stream's state is between two chunks.
    public enum StatePolicy: String, Sendable, CaseIterable, Codable {
        /// The state tensors travel with each request, so any endpoint can serve any chunk.
        case carried
    }

    /// The model's name in Triton's repository.
    public let tritonModel: String
    /// The version to run; empty for whichever Triton serves.
    public let version: String
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

    package init(
        tritonModel: String,
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
        self.tritonModel = tritonModel
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

    /// Bytes of state that one stream carries.
    public var stateByteCountPerStream: Int {
        states.reduce(0) { $0 + $1.input.byteCountPerStream }
    }

    /// The time from a chunk's start to the next one's.
    public var chunkShiftDuration: Duration { outputFrameDuration * outputFrames }
}
