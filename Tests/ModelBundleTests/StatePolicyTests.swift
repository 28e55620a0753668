internal import Foundation
internal import ModelBundle
internal import TestSupport
internal import Testing

@Suite struct StatePolicyTests {
    private let weights = "sha256:" + String(repeating: "0123456789abcdef", count: 4)

    private func bundle(policy: EncoderDescription.StatePolicy) throws -> ModelBundle {
        var tiny = TinyBundle()
        tiny.yaml = tiny.yaml
            .replacingOccurrences(of: "state_policy: carried", with: "state_policy: \(policy)")
            .replacingOccurrences(
                of: "  version: \"\"\n",
                with: """
                      version: ""
                      resident:
                        triton_model: tiny-encoder-resident
                      weights: "\(weights)"

                    """
            )
        return try tiny.withDirectory(ModelBundle.load(directory:))
    }

    @Test(arguments: EncoderDescription.StatePolicy.allCases)
    func aPolicyHasItsTritonModel(policy: EncoderDescription.StatePolicy) throws {
        let encoder = try bundle(policy: policy).description.encoder
        #expect(encoder.statePolicy == policy)
        #expect(encoder.carriedTritonModel == "tiny-encoder")
        #expect(encoder.residentTritonModel == "tiny-encoder-resident")
        #expect(encoder.weights == weights)
        switch policy {
        case .carried: #expect(encoder.tritonModel == "tiny-encoder")
        case .resident: #expect(encoder.tritonModel == "tiny-encoder-resident")
        }
    }

    /// Nothing but the policy, and what follows from it, is another.
    @Test func theOtherPolicyMayBeUsed() throws {
        let carried = try bundle(policy: .carried).description.encoder
        let resident = try bundle(policy: .resident).description.encoder
        #expect(carried != resident)
        #expect(try carried.using(.resident) == resident)
        #expect(try resident.using(.carried) == carried)
        #expect(try resident.using(.resident) == resident)
    }

    @Test func aBundleWithoutResidentModelSaysWhatToDo() throws {
        let encoder = try TinyBundle().withDirectory(ModelBundle.load(directory:)).description
            .encoder
        #expect(encoder.residentTritonModel == nil)
        #expect(encoder.weights == nil)
        #expect(try encoder.using(.carried) == encoder)
        let error = #expect(throws: ModelBundleError.self) { try encoder.using(.resident) }
        #expect(
            error?.description == """
                model.yaml: encoder.resident: missing, but the state policy is to be resident; \
                export the model again with Tools/export/sherpa_onnx.py, which writes the Triton \
                model that keeps state, or use carried
                """
        )
    }

    @Test func theSummaryNamesBothModels() throws {
        let carried = try bundle(policy: .carried).summary
        var lines = carried.text.split(separator: "\n").map(String.init)
        #expect(
            lines.contains(
                "Encoder      Triton model tiny-encoder, version as served, state carried"
            )
        )
        #expect(lines.contains("  or         Triton model tiny-encoder-resident, state resident"))
        #expect(lines.contains("  weights    \(weights)"))
        #expect(
            lines.contains("State        64 bytes a stream; a chunk's request carries 144 bytes")
        )
        let resident = try bundle(policy: .resident).summary
        lines = resident.text.split(separator: "\n").map(String.init)
        #expect(
            lines.contains(
                "Encoder      Triton model tiny-encoder-resident, version as served, state resident"
            )
        )
        #expect(lines.contains("  or         Triton model tiny-encoder, state carried"))
        #expect(
            lines.contains("State        64 bytes a stream; a chunk's request carries 80 bytes")
        )
        #expect(resident.tritonModel == "tiny-encoder-resident")
        #expect(try resident.json().contains("\"carried_triton_model\" : \"tiny-encoder\""))
        let alone = try TinyBundle().withDirectory(ModelBundle.load(directory:)).summary
        #expect(!alone.text.contains("\n  or"))
        #expect(!alone.text.contains("\n  weights"))
    }
}
