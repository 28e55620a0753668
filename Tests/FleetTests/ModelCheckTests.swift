internal import Fleet
internal import ModelBundle
internal import TestBackend
internal import Testing
internal import Wire

@Suite struct ModelCheckTests {
    private typealias Metadata = Inference_ModelMetadataResponse

    private struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What is found; nil: the model fits.
        var mismatch: String?
        var change: @Sendable (inout Metadata) -> Void

        init(
            _ testDescription: String,
            _ mismatch: String?,
            _ change: @escaping @Sendable (inout Metadata) -> Void
        ) {
            self.testDescription = testDescription
            self.mismatch = mismatch
            self.change = change
        }
    }

    private static let cases = [
        Case("the model itself", nil) { _ in },
        Case("another order", nil) {
            $0.inputs.reverse()
            $0.outputs.reverse()
        },
        Case("further tensors", nil) {
            $0.inputs.append($0.outputs[0])
            $0.outputs.append($0.inputs[0])
        },
        Case("dimensions of any size", nil) {
            $0.inputs[0].shape = [-1, -1, 4]
            $0.outputs[1].shape = [-1, -1, -1]
        },
        Case(
            "a missing input",
            #"input "lens" is missing (the server's: x, cache)"#
        ) { $0.inputs.removeLast() },
        Case(
            "no outputs",
            #"output "encoder_out" is missing (the server's: )"#
        ) { $0.outputs = [] },
        Case(
            "a state under another name",
            #"output "new_cache" is missing (the server's: encoder_out, cache_out, new_lens)"#
        ) { $0.outputs[1].name = "cache_out" },
        Case("another type", #"input "lens" is of type INT32, the bundle says INT64"#) {
            $0.inputs[2].datatype = "INT32"
        },
        Case("half precision", #"output "encoder_out" is of type FP16, the bundle says FP32"#) {
            $0.outputs[0].datatype = "FP16"
        },
        Case(
            "another size",
            #"output "encoder_out" has shape [-1, 2, 4], the bundle says [-1, 2, 3]"#
        ) { $0.outputs[0].shape = [-1, 2, 4] },
        Case("another rank", #"input "x" has shape [-1, 20], the bundle says [-1, 5, 4]"#) {
            $0.inputs[0].shape = [-1, 20]
        },
        Case(
            "the batch at another axis",
            #"input "cache" has shape [-1, 2, 7], the bundle says [2, -1, 7]"#
        ) { $0.inputs[1].shape = [-1, 2, 7] },
        Case(
            "a fixed batch",
            #"input "x" has shape [8, 5, 4], the bundle says [-1, 5, 4]"#
        ) { $0.inputs[0].shape = [8, 5, 4] },
        Case("nothing", #"input "x" is missing (the server's: )"#) { $0 = Metadata() },
    ]

    @Test(arguments: cases)
    private func saysWhatDiffers(_ example: Case) throws {
        var served = TinyEncoder.metadata
        example.change(&served)
        let model = try TinyModel().bundle.description.encoder
        #expect(ModelCheck.mismatch(of: served, with: model) == example.mismatch)
    }
}
