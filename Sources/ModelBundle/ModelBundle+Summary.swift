internal import AudioFrontend
internal import Decoding
private import Foundation
internal import Kernels
internal import StrictYAML

extension ModelBundle {
    /// A bundle described for people (`text`) and programs (`json()`).
    public struct Summary: Sendable, Codable, Hashable {
        public struct Tensor: Sendable, Codable, Hashable {
            public var name: String
            public var datatype: String
            /// -1 stands for the batch.
            public var shape: [Int]
            public var batchAxis: Int
        }

        public struct State: Sendable, Codable, Hashable {
            public var input: Tensor
            public var output: String
            public var bytesPerStream: Int
        }

        public var name: String
        public var description: String
        public var directory: String
        public var fingerprint: String
        /// SHA-256 by file name.
        public var files: [String: String]
        public var languages: [String]

        public var sampleRateHertz: Int
        public var melBins: Int
        public var frameLengthMilliseconds: Int
        public var frameShiftMilliseconds: Int
        public var lowestFrequencyHertz: Double
        public var highestFrequencyHertz: Double
        public var tailPaddingSamples: Int

        /// The one of the policy in force.
        public var tritonModel: String
        public var carriedTritonModel: String
        public var residentTritonModel: String?
        public var tritonModelVersion: String
        public var statePolicy: String
        public var weights: String?
        public var features: Tensor
        public var output: Tensor
        public var states: [State]
        public var stateBytesPerStream: Int
        /// Sent to the encoder with each chunk: features, and states where they are carried.
        public var requestBytesPerChunk: Int
        /// Audio that a chunk spans, from its first frame's start to its last frame's end.
        public var chunkMilliseconds: Double
        /// Audio from a chunk's start to the next one's: how often results can come.
        public var chunkShiftMilliseconds: Double
        /// Audio beyond a chunk's own shift that must be there before it can be computed.
        public var lookaheadMilliseconds: Double
        public var outputFrameMilliseconds: Double

        public var decoderType: String
        public var vocabularySize: Int
        public var decoderParameters: Int
        // What not every kind of decoder has.
        public var contextSize: Int?
        public var embeddingDimension: Int?
        public var convolutionGroups: Int?
        public var lstmLayers: Int?
        public var lstmUnits: Int?
        public var joinerDimension: Int?
        public var joinerActivation: String?
        /// Of frames that are projected in process.
        public var encoderDimension: Int?
        /// Of a token-and-duration transducer, in encoder frames.
        public var durations: [Int]?
        /// Elements of an encoder frame that goes through an output layer (CTC).
        public var headDimension: Int?

        public var searchMethod: String
        public var maximumSymbolsPerFrame: Int
        public var tokenLogProbabilityTemperature: Float
    }

    public var summary: Summary {
        let frontend = description.frontend
        let encoder = description.encoder
        let decoder = description.decoder
        let chunk = Duration.milliseconds(
            frontend.frameShiftMilliseconds * (encoder.chunkFrames - 1)
                + frontend.frameLengthMilliseconds
        )
        let highHertz = frontend.highFrequencyHertz
        let nyquistHertz = Double(frontend.sampleRateHertz) / 2
        let featureBytes = encoder.features.byteCountPerStream
        var summary = Summary(
            name: description.name,
            description: description.summary,
            directory: directory,
            fingerprint: fingerprint,
            files: Dictionary(
                zip(presentFileNames, fileDigests),
                uniquingKeysWith: { first, _ in first }
            ),
            languages: description.languages,
            sampleRateHertz: frontend.sampleRateHertz,
            melBins: frontend.melBins,
            frameLengthMilliseconds: frontend.frameLengthMilliseconds,
            frameShiftMilliseconds: frontend.frameShiftMilliseconds,
            lowestFrequencyHertz: frontend.lowFrequencyHertz,
            highestFrequencyHertz: highHertz > 0 ? highHertz : nyquistHertz + highHertz,
            tailPaddingSamples: frontend.tailPaddingSamples,
            tritonModel: encoder.tritonModel,
            carriedTritonModel: encoder.carriedTritonModel,
            residentTritonModel: encoder.residentTritonModel,
            tritonModelVersion: encoder.version,
            statePolicy: encoder.statePolicy.rawValue,
            weights: encoder.weights,
            features: Summary.Tensor(encoder.features),
            output: Summary.Tensor(encoder.output),
            states: encoder.states.map { state in
                Summary.State(
                    input: Summary.Tensor(state.input),
                    output: state.output.name,
                    bytesPerStream: state.input.byteCountPerStream
                )
            },
            stateBytesPerStream: encoder.stateByteCountPerStream,
            requestBytesPerChunk: featureBytes
                + (encoder.statePolicy == .carried ? encoder.stateByteCountPerStream : 0),
            chunkMilliseconds: chunk.milliseconds,
            chunkShiftMilliseconds: encoder.chunkShiftDuration.milliseconds,
            lookaheadMilliseconds: (chunk - encoder.chunkShiftDuration).milliseconds,
            outputFrameMilliseconds: encoder.outputFrameDuration.milliseconds,
            decoderType: decoder.kind.rawValue,
            vocabularySize: decoder.vocabularySize,
            decoderParameters: networks.parameterCount,
            searchMethod: description.search.method.rawValue,
            maximumSymbolsPerFrame: description.search.maximumSymbolsPerFrame,
            tokenLogProbabilityTemperature: description.search.tokenLogProbabilityTemperature
        )
        networks.describe(in: &summary)
        if case .lstmTransducer(let decoder) = decoder, !decoder.durations.isEmpty {
            summary.durations = decoder.durations
        }
        return summary
    }
}

extension ModelBundle.Summary {
    /// Labels and values in aligned columns, a line each; no line end after the last.
    public var text: String {
        var rows: [(label: String, value: String)] = [("Model", name)]
        if !description.isEmpty { rows.append(("Description", description.singleLine)) }
        rows += [
            ("Languages", languages.joined(separator: ", ")),
            ("Directory", directory),
            ("Fingerprint", fingerprint),
            (
                "Audio",
                "\(sampleRateHertz) Hz, then \(tailPaddingSamples) zero samples at the end"
            ),
            (
                "Features",
                "\(melBins) mel bins from \(lowestFrequencyHertz.plain) to"
                    + " \(highestFrequencyHertz.plain) Hz, frames of"
                    + " \(frameLengthMilliseconds) ms every \(frameShiftMilliseconds) ms"
            ),
            (
                "Encoder",
                "Triton model \(tritonModel), version"
                    + " \(tritonModelVersion.isEmpty ? "as served" : tritonModelVersion),"
                    + " state \(statePolicy)"
            ),
        ]
        for (policy, model) in [
            (EncoderDescription.StatePolicy.carried, carriedTritonModel),
            (.resident, residentTritonModel),
        ] where policy.rawValue != statePolicy {
            if let model {
                rows.append(("  or", "Triton model \(model), state \(policy.rawValue)"))
            }
        }
        if let weights { rows.append(("  weights", weights)) }
        rows += [
            ("  input", features.text),
            ("  output", "\(output.text), \(outputFrameMilliseconds.plain) ms a frame"),
        ]
        rows += states.map { ("  state", "\($0.input.text) -> \($0.output)") }
        rows += [
            (
                "Chunk",
                "\(chunkMilliseconds.plain) ms every \(chunkShiftMilliseconds.plain) ms"
                    + " (lookahead \(lookaheadMilliseconds.plain) ms)"
            ),
            (
                "State",
                "\(stateBytesPerStream) bytes a stream; a chunk's request carries"
                    + " \(requestBytesPerChunk) bytes"
            ),
            ("Decoder", decoderText),
            ("Parameters", "\(decoderParameters) in process"),
            ("Vocabulary", "\(vocabularySize) pieces"),
            (
                "Search",
                "\(searchMethod), at most \(maximumSymbolsPerFrame) symbol(s) a frame, token"
                    + " log-probabilities at temperature \(tokenLogProbabilityTemperature)"
            ),
        ]
        let width = (rows.map(\.label.count).max() ?? 0) + 2
        return rows.map { row in
            row.label + String(repeating: " ", count: width - row.label.count) + row.value
        }.joined(separator: "\n")
    }

    private var decoderText: String {
        [
            decoderType,
            contextSize.map { "context \($0)" },
            embeddingDimension.map { "embedding \($0)" },
            convolutionGroups.map { "\($0) convolution groups" },
            lstmLayers.map { "\($0) LSTM layers of \(lstmUnits ?? 0)" },
            joinerDimension.map { "joiner \($0)" },
            joinerActivation,
            encoderDimension.map { "projects frames of \($0)" },
            durations.map { "durations \($0)" },
            headDimension.map { "head \($0)" },
        ].compactMap { $0 }.joined(separator: ", ")
    }

    /// The same as JSON, with sorted keys.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension ModelBundle.Summary.Tensor {
    fileprivate init(_ tensor: TensorDescription) {
        name = tensor.name
        datatype = tensor.datatype.rawValue
        shape = tensor.shape.map { $0 ?? -1 }
        batchAxis = tensor.batchAxis
    }

    fileprivate var text: String { "\(name) \(datatype) \(shape)" }
}

extension Duration {
    fileprivate var milliseconds: Double { self / .milliseconds(1) }
}

extension Double {
    /// Without a fraction where there is none.
    fileprivate var plain: String {
        self == rounded() && abs(self) < 1e15 ? String(Int64(self)) : String(self)
    }
}
