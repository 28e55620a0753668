internal import Kernels
internal import TestSupport
internal import Testing

@Suite struct LinearLayerTests {
    /// Sizes of the exported Zipformer's joiner and projection, of others that fill no tile or
    /// panel, and one beyond OpenBLAS's limit for small products.
    static let sizes: [(inputs: Int, outputs: Int)] = [
        (320, 500), (320, 320), (5, 7), (1, 1), (33, 65), (640, 1030), (2_000, 70),
    ]

    @Test(arguments: sizes) func multipliesAndAddsTheBias(
        size: (inputs: Int, outputs: Int)
    ) throws {
        var random = SplitMix64.announced()
        let weight = random.floats(size.inputs * size.outputs)
        let bias = random.floats(size.outputs)
        let rows = random.floats(30 * size.inputs)
        let layer = try LinearLayer(
            weight: weight,
            bias: bias,
            inputCount: size.inputs,
            outputCount: size.outputs,
            name: "layer"
        )
        let results = layer.results(for: rows)
        for row in 0..<30 {
            for output in 0..<size.outputs {
                var sum = Double(bias[output])
                for input in 0..<size.inputs {
                    sum +=
                        Double(weight[output * size.inputs + input])
                        * Double(rows[row * size.inputs + input])
                }
                let found = Double(results[row * size.outputs + output])
                let tolerance = 1e-5 + 2e-7 * Double(size.inputs)
                #expect(abs(found - sum) < tolerance, "row \(row), output \(output)")
            }
        }
    }

    @Test(arguments: sizes) func aRowDependsOnItselfAlone(
        size: (inputs: Int, outputs: Int)
    ) throws {
        var random = SplitMix64.announced()
        let layer = try LinearLayer(
            weight: random.floats(size.inputs * size.outputs),
            bias: random.floats(size.outputs),
            inputCount: size.inputs,
            outputCount: size.outputs,
            name: "layer"
        )
        let row = random.floats(size.inputs)
        let alone = layer.results(for: row).map(\.bitPattern)
        for _ in 0..<100 {
            let count = Int.random(in: 1...70, using: &random)
            let position = Int.random(in: 0..<count, using: &random)
            var rows = random.floats(count * size.inputs, in: -100...100)
            rows.replaceSubrange(position * size.inputs..<(position + 1) * size.inputs, with: row)
            let results = layer.results(for: rows)
            let found = results[position * size.outputs..<(position + 1) * size.outputs]
            #expect(
                found.map(\.bitPattern) == alone,
                "row \(position) of \(count), tiles \(layer.tileRows)"
            )
        }
    }

    @Test func badWeightsAreRefusedByName() {
        #expect(throws: KernelError.elementCount(tensor: "x.weight", expected: 6, found: 5)) {
            try LinearLayer(
                weight: [Float](repeating: 0, count: 5),
                bias: [0, 0],
                inputCount: 3,
                outputCount: 2,
                name: "x"
            )
        }
        #expect(throws: KernelError.elementCount(tensor: "x.bias", expected: 2, found: 1)) {
            try LinearLayer(
                weight: [Float](repeating: 0, count: 6),
                bias: [0],
                inputCount: 3,
                outputCount: 2,
                name: "x"
            )
        }
        #expect(throws: KernelError.notFinite(tensor: "x.weight", index: 1)) {
            try LinearLayer(
                weight: [0, .nan],
                bias: [0],
                inputCount: 2,
                outputCount: 1,
                name: "x"
            )
        }
        #expect(throws: KernelError.self) {
            try LinearLayer(
                weight: [],
                bias: [],
                inputCount: .max,
                outputCount: 2,
                name: "x"
            )
        }
        #expect(throws: KernelError.self) {
            try LinearLayer(weight: [], bias: [], inputCount: 0, outputCount: 0, name: "x")
        }
    }
}

extension LinearLayer {
    /// The layer over whole rows in an array.
    func results(for rows: [Float]) -> [Float] {
        let rowCount = rows.count / inputCount
        let spare = (inputRowCapacity(for: rowCount) - rowCount) * inputCount
        // What a tile's spare rows hold must not matter.
        let input = rows + [Float](repeating: .nan, count: spare)
        var scratch = [Float](repeating: 0, count: scratchCount)
        return [Float](unsafeUninitializedCapacity: rowCount * outputCount) { output, count in
            count = output.count
            input.withUnsafeBufferPointer { input in
                scratch.withUnsafeMutableBufferPointer { scratch in
                    guard let input = input.baseAddress, let output = output.baseAddress,
                        let scratch = scratch.baseAddress
                    else { return }
                    apply(rowCount: rowCount, input: input, output: output, scratch: scratch)
                }
            }
        }
    }
}
