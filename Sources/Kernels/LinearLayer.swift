internal import COpenBLAS

/// `y = W x + b` for any number of rows, batch-invariant: a row's result is bitwise the same
/// whatever the other rows are, however many there are, and wherever it stands among them.
///
/// OpenBLAS does not promise that: it chooses a kernel, and with it an order of summation, by the
/// product's shape, and on some processors by the row's place in it. So the product is only ever
/// taken in tiles of a few fixed shapes, `tileRows` rows by `panelColumns` outputs, and at
/// initialization each candidate shape is tried on this processor: it is admitted only if every
/// row comes out bitwise equal at every position and equal to what the other admitted shapes give.
///
/// With AVX-512, OpenBLAS multiplies small products without copying its operands first. The shapes
/// stay below that path's limit, so that a tile of 4 rows costs as little per row as a batch of
/// 256 in one call, and a lone row no more than a matrix-vector product.
package final class LinearLayer: Sendable {
    /// Rows a tile may have, most first. OpenBLAS 0.3.21's kernels for AVX-512 and for SSE keep all
    /// or most of them, those for AVX2 only 8 and 4.
    static let candidateTileRows = [24, 20, 16, 12, 8, 4, 2, 1]
    /// OpenBLAS's limit on rows x columns x inputs for the product that copies nothing.
    private static let smallProductLimit = 1_000_000

    package let inputCount: Int
    package let outputCount: Int
    /// The shapes in use on this processor, fewest rows first.
    package let tileRows: [Int]

    private let panelColumns: Int
    private let panelCount: Int
    /// `[panelCount, inputCount, panelColumns]`: transposed, so that a kernel reads along a row,
    /// the last panel filled up with zeros, so that all have one shape.
    private let panels: AlignedBuffer
    private let bias: AlignedBuffer

    /// - Parameters:
    ///   - weight: `[outputCount, inputCount]`, row-major, as PyTorch lays out a linear layer.
    ///   - bias: `[outputCount]`
    ///   - name: what errors call the layer: `name.weight`, `name.bias`.
    package init(
        weight: [Float],
        bias: [Float],
        inputCount: Int,
        outputCount: Int,
        name: String
    ) throws(KernelError) {
        guard inputCount > 0, outputCount > 0 else {
            throw .shape(tensor: "\(name).weight", problem: "a dimension is zero or negative")
        }
        let (elements, overflow) = inputCount.multipliedReportingOverflow(by: outputCount)
        guard !overflow else {
            throw .shape(tensor: "\(name).weight", problem: "the dimensions overflow")
        }
        try KernelError.check(weight, tensor: "\(name).weight", expected: elements)
        try KernelError.check(bias, tensor: "\(name).bias", expected: outputCount)

        // Process-wide in OpenBLAS. Rows are too cheap to share out, and a product that is split
        // over threads is not the same product.
        openblas_set_num_threads(1)

        let columns =
            [64, 32].first { Self.candidateTileRows[0] * $0 * inputCount <= Self.smallProductLimit }
            ?? 16
        self.inputCount = inputCount
        self.outputCount = outputCount
        panelColumns = columns
        panelCount = (outputCount + columns - 1) / columns

        var panels = AlignedBuffer(count: panelCount * inputCount * columns)
        for output in 0..<outputCount {
            let panel = panels.mutablePointer + output / columns * inputCount * columns
            for input in 0..<inputCount {
                panel[input * columns + output % columns] = weight[output * inputCount + input]
            }
        }
        var biasBuffer = AlignedBuffer(count: outputCount)
        for output in 0..<outputCount { biasBuffer.mutablePointer[output] = bias[output] }
        tileRows = Self.admittedTileRows(
            panel: panels.pointer,
            inputCount: inputCount,
            columns: columns
        )
        self.panels = panels
        self.bias = biasBuffer
    }

    /// Rows the input must have room for when `rowCount` are asked for: the last tile is computed
    /// whole, and what its spare rows hold does not matter.
    package func inputRowCapacity(for rowCount: Int) -> Int {
        rowCount + Self.candidateTileRows[0]
    }

    /// Floats of scratch memory that `apply` needs.
    package var scratchCount: Int { Self.candidateTileRows[0] * panelColumns }

    /// - Parameters:
    ///   - input: `[inputRowCapacity(for: rowCount), inputCount]`, of which `rowCount` rows count.
    ///   - output: `[rowCount, outputCount]`
    ///   - scratch: `scratchCount` floats.
    /// Raw pointers, since the memory belongs to the caller's workspace for longer than the call.
    package func apply(
        rowCount: Int,
        input: UnsafePointer<Float>,
        output: UnsafeMutablePointer<Float>,
        scratch: UnsafeMutablePointer<Float>
    ) {
        // Panels outside, so that one stays in the cache while all rows pass by it.
        for panel in 0..<panelCount {
            let firstColumn = panel * panelColumns
            let columns = min(panelColumns, outputCount - firstColumn)
            let panelBias = bias.pointer + firstColumn
            var row = 0
            while row < rowCount {
                let remaining = rowCount - row
                let tile = tileRows.first { $0 >= remaining } ?? tileRows[tileRows.count - 1]
                Self.multiply(
                    rowCount: tile,
                    input: input + row * inputCount,
                    inputCount: inputCount,
                    panel: panels.pointer + panel * inputCount * panelColumns,
                    columns: panelColumns,
                    output: scratch
                )
                for tileRow in 0..<min(tile, remaining) {
                    let product = scratch + tileRow * panelColumns
                    let result = output + (row + tileRow) * outputCount + firstColumn
                    for column in 0..<columns {
                        result[column] = product[column] + panelBias[column]
                    }
                }
                row += tile
            }
        }
    }

    private static func multiply(
        rowCount: Int,
        input: UnsafePointer<Float>,
        inputCount: Int,
        panel: UnsafePointer<Float>,
        columns: Int,
        output: UnsafeMutablePointer<Float>
    ) {
        cblas_sgemm(
            CblasRowMajor,
            CblasNoTrans,
            CblasNoTrans,
            blasint(rowCount),
            blasint(columns),
            blasint(inputCount),
            1,
            input,
            blasint(inputCount),
            panel,
            blasint(columns),
            0,
            output,
            blasint(columns)
        )
    }
}

extension LinearLayer {
    /// The candidate shapes that give each row the same bits at every position and in every shape.
    ///
    /// One panel is enough: all panels have one shape, and OpenBLAS never looks at the values.
    private static func admittedTileRows(
        panel: UnsafePointer<Float>,
        inputCount: Int,
        columns: Int
    ) -> [Int] {
        let rowCount = candidateTileRows[0]
        var rows = AlignedBuffer(count: rowCount * inputCount)
        // Any numbers do whose products round; these come from Knuth's MMIX generator.
        var state: UInt64 = 1
        for index in 0..<rows.count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            rows.mutablePointer[index] = Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31
        }
        var tileInput = AlignedBuffer(count: rowCount * inputCount)
        var tileOutput = AlignedBuffer(count: rowCount * columns)

        /// The bits of all rows' products, taken in tiles of `tile` rows with the rows rotated.
        func products(tile: Int, rotation: Int) -> [UInt32] {
            var products = [UInt32](repeating: 0, count: rowCount * columns)
            for start in stride(from: 0, to: rowCount, by: tile) {
                let chosen = (0..<tile).map { (start + $0 + rotation) % rowCount }
                for (position, row) in chosen.enumerated() {
                    (tileInput.mutablePointer + position * inputCount).update(
                        from: rows.pointer + row * inputCount,
                        count: inputCount
                    )
                }
                multiply(
                    rowCount: tile,
                    input: tileInput.pointer,
                    inputCount: inputCount,
                    panel: panel,
                    columns: columns,
                    output: tileOutput.mutablePointer
                )
                for (position, row) in chosen.enumerated() {
                    for column in 0..<columns {
                        products[row * columns + column] =
                            tileOutput.pointer[position * columns + column].bitPattern
                    }
                }
            }
            return products
        }

        var reference: [UInt32]?
        var admitted: [Int] = []
        for tile in candidateTileRows {
            let expected = reference ?? products(tile: tile, rotation: 0)
            let isInvariant = (0..<rowCount).allSatisfy {
                products(tile: tile, rotation: $0) == expected
            }
            if isInvariant {
                admitted.append(tile)
                reference = expected
            }
        }
        return admitted.reversed()
    }
}
