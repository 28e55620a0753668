internal import AudioFrontend
internal import StrictYAML

private enum EncoderKey: String, CaseIterable {
    case tritonModel = "triton_model"
    case resident
    case statePolicy = "state_policy"
    case version, weights
    case chunkFrames = "chunk_frames"
    case chunkShiftFrames = "chunk_shift_frames"
    case outputFrames = "output_frames"
    case outputFrameMilliseconds = "output_frame_ms"
    case features, output, states
}

private enum ResidentKey: String, CaseIterable {
    case tritonModel = "triton_model"
}

private enum TensorKey: String, CaseIterable {
    case name, datatype, shape
    case batchAxis = "batch_axis"
}

private enum StateKey: String, CaseIterable {
    case input, output, datatype, shape
    case batchAxis = "batch_axis"
}

extension EncoderDescription {
    init(
        _ value: YAMLValue,
        frontend: FilterbankConfiguration,
        decoder: DecoderDescription
    ) throws(YAMLError) {
        if let policy = value.member(EncoderKey.statePolicy.rawValue) {
            _ = try policy.choice(of: StatePolicy.self)
        }
        let encoder = try value.mapping(EncoderKey.self)
        carriedTritonModel = try encoder.required(.tritonModel).tritonModelName()
        if let resident = try encoder.optional(.resident)?.mapping(ResidentKey.self) {
            let model = try resident.required(.tritonModel)
            residentTritonModel = try model.tritonModelName()
            guard residentTritonModel != carriedTritonModel else {
                throw model.error(
                    "\(carriedTritonModel.shown) is encoder.triton_model too; it takes another model"
                        + " to keep the state"
                )
            }
        } else {
            residentTritonModel = nil
        }
        weights = try encoder.optional(.weights)?.weightsDigest()
        let versionValue = try encoder.required(.version)
        version = try versionValue.string(byteCount: 0...19)
        guard version.isEmpty || Int64(version).map({ $0 > 0 }) == true else {
            throw versionValue.error(
                "\(version.shown) is not a Triton model version; write \"\" or a number from 1"
            )
        }
        let policy = try encoder.required(.statePolicy)
        statePolicy = try policy.choice(of: StatePolicy.self)
        guard statePolicy != .resident || residentTritonModel != nil else {
            throw policy.error(
                "\(statePolicy.rawValue) takes a Triton model that keeps the state; name it by"
                    + " encoder.resident.triton_model, or write \(StatePolicy.carried.rawValue)"
            )
        }
        chunkFrames = try encoder.required(.chunkFrames).int(in: 1...10_000)
        chunkShiftFrames = try encoder.required(.chunkShiftFrames).int(in: 1...chunkFrames)
        outputFrames = try encoder.required(.outputFrames).int(in: 1...10_000)
        let frameDuration = try encoder.required(.outputFrameMilliseconds)
        outputFrameDuration = .milliseconds(try frameDuration.int(in: 1...10_000))
        let shift = .milliseconds(frontend.frameShiftMilliseconds) * chunkShiftFrames
        guard shift == outputFrameDuration * outputFrames else {
            throw frameDuration.error(
                "output_frames last \((outputFrameDuration * outputFrames).written), but"
                    + " chunk_shift_frames last \(shift.written); they must last equally long"
            )
        }

        features = try TensorDescription(
            encoder.required(.features),
            dimensions: [
                ("chunk_frames", chunkFrames), ("frontend.mel_bins", frontend.melBins),
            ]
        )
        output = try TensorDescription(
            encoder.required(.output),
            dimensions: [
                ("output_frames", outputFrames),
                ("decoder.\(decoder.frameDimensionKey)", decoder.frameDimension),
            ]
        )
        states = try Self.readStates(
            encoder.required(.states),
            features: features,
            output: output
        )
    }

    private static func readStates(
        _ value: YAMLValue,
        features: TensorDescription,
        output: TensorDescription
    ) throws(YAMLError) -> [StateDescription] {
        var states: [StateDescription] = []
        var inputNames: Set = [features.name]
        var outputNames: Set = [output.name]
        var byteCount = 0
        for element in try value.list(count: 1...1024) {
            let entry = try element.mapping(StateKey.self)
            let input = try entry.required(.input)
            let output = try entry.required(.output)
            let inputTensor = try TensorDescription(
                name: input.tensorName(),
                datatype: entry.required(.datatype),
                shape: entry.required(.shape),
                batchAxis: entry.required(.batchAxis)
            )
            let outputTensor = TensorDescription(
                name: try output.tensorName(),
                datatype: inputTensor.datatype,
                shape: inputTensor.shape,
                batchAxis: inputTensor.batchAxis
            )
            guard inputNames.insert(inputTensor.name).inserted else {
                throw input.error("two inputs are called \(inputTensor.name.shown); name each once")
            }
            guard outputNames.insert(outputTensor.name).inserted else {
                throw output.error(
                    "two outputs are called \(outputTensor.name.shown); name each once"
                )
            }
            byteCount += inputTensor.byteCountPerStream
            guard byteCount <= ModelDescription.maximumStateBytesPerStream else {
                throw element.error(
                    "the states up to here take \(byteCount) bytes a stream; the limit is"
                        + " \(ModelDescription.maximumStateBytesPerStream)"
                )
            }
            states.append(StateDescription(input: inputTensor, output: outputTensor))
        }
        return states
    }
}

extension TensorDescription {
    /// Dimensions are bounded so that a tensor's size can be computed without overflow.
    private static let maximumElementCountPerStream = 1 << 28

    /// A tensor of floats whose dimensions, the batch's left out, are given elsewhere too.
    init(
        _ value: YAMLValue,
        dimensions: [(name: String, size: Int)]
    ) throws(YAMLError) {
        let tensor = try value.mapping(TensorKey.self)
        let datatype = try tensor.required(.datatype)
        let shape = try tensor.required(.shape)
        try self.init(
            name: tensor.required(.name).tensorName(),
            datatype: datatype,
            shape: shape,
            batchAxis: tensor.required(.batchAxis)
        )
        guard self.datatype == .float32 else {
            throw datatype.error("\(self.datatype.rawValue) is not supported here; export FP32")
        }
        guard dimensionsWithoutBatch == dimensions.map(\.size) else {
            let names = dimensions.map { "\($0.name) \($0.size)" }.joined(separator: ", ")
            throw shape.error(
                "\(shownShape) disagrees with \(names); the dimensions other than the batch must be"
                    + " \(dimensions.map(\.size))"
            )
        }
    }

    init(
        name: String,
        datatype: YAMLValue,
        shape: YAMLValue,
        batchAxis: YAMLValue
    ) throws(YAMLError) {
        self.name = name
        self.datatype = try datatype.choice(of: Datatype.self)
        let elements = try shape.list(count: 1...8)
        self.batchAxis = try batchAxis.int(in: 0...elements.count - 1)
        var sizes: [Int?] = []
        var elementCount = 1
        for (axis, element) in elements.enumerated() {
            let size = try element.int(in: -1...Self.maximumElementCountPerStream)
            guard (size == -1) == (axis == self.batchAxis), size != 0 else {
                throw element.error(
                    "\(size) at axis \(axis); the batch axis, \(self.batchAxis), must be -1 and"
                        + " every other a size from 1"
                )
            }
            sizes.append(size == -1 ? nil : size)
            // Both factors are at most 2^28.
            elementCount *= max(size, 1)
            guard elementCount <= Self.maximumElementCountPerStream else {
                throw shape.error(
                    "more than \(Self.maximumElementCountPerStream) elements a stream"
                )
            }
        }
        self.shape = sizes
    }

    /// As model.yaml writes it, with -1 for the batch.
    var shownShape: String { "\(shape.map { $0 ?? -1 })" }
}

extension YAMLValue {
    fileprivate func tritonModelName() throws(YAMLError) -> String {
        let name = try string(byteCount: 1...255)
        guard name.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0 != "/" }) else {
            throw error("a Triton model's name holds no spaces and no slashes")
        }
        return name
    }

    fileprivate func weightsDigest() throws(YAMLError) -> String {
        let prefix = "sha256:"
        let weights = try string()
        let digits = weights.utf8.dropFirst(prefix.utf8.count)
        guard weights.hasPrefix(prefix), digits.count == 64,
            digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else {
            throw error(
                "\(weights.shown) is not \(prefix) and 64 hexadecimal digits; write what the"
                    + " exporter wrote, or remove the key"
            )
        }
        return weights
    }

    fileprivate func tensorName() throws(YAMLError) -> String {
        let name = try string(byteCount: 1...255)
        guard name.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7f }) else {
            throw error(
                "\(name.shown) is not a tensor's name; it holds spaces or control characters"
            )
        }
        return name
    }
}
