internal import StrictYAML

/// A safetensors file: a little-endian header length of 8 bytes, a JSON header, then the tensors'
/// bytes, which the header's offsets must cover without gaps or overlaps.
///
/// Format: https://github.com/huggingface/safetensors#format
struct SafetensorsFile {
    /// A header of a decoder's few tensors takes a kilobyte.
    static let maximumHeaderBytes = 1 << 20

    struct Tensor: Equatable {
        var datatype: String
        var shape: [Int]
        /// Where its bytes are, counted from the header's end.
        var offsets: Range<Int>
    }

    let tensors: [String: Tensor]
    private let file: BundleFile
    private let dataStart: Int

    init(_ file: BundleFile) throws(ModelBundleError) {
        self.file = file
        guard file.bytes.count >= 8 else {
            throw file.error(
                "truncated: \(file.bytes.count) bytes, and a safetensors file starts with a header"
                    + " length of 8; copy or export it again"
            )
        }
        var headerLength: UInt64 = 0
        for byte in file.bytes[..<8].reversed() { headerLength = headerLength << 8 | UInt64(byte) }
        guard headerLength <= UInt64(Self.maximumHeaderBytes) else {
            throw file.error(
                "a header of \(headerLength) bytes (the limit is \(Self.maximumHeaderBytes)); this"
                    + " is not a safetensors file of a decoder"
            )
        }
        dataStart = 8 + Int(headerLength)
        guard dataStart <= file.bytes.count else {
            throw file.error(
                "truncated: the header needs \(dataStart) bytes, the file has \(file.bytes.count);"
                    + " copy or export it again"
            )
        }
        var reader = SafetensorsHeaderReader(bytes: file.bytes, range: 8..<dataStart)
        do throws(SafetensorsHeaderReader.Failure) {
            tensors = try reader.read()
        } catch {
            throw file.error(
                "the header is not valid at byte \(error.offset): \(error.problem); export it again"
            )
        }
        try checkOffsets()
    }

    private func checkOffsets() throws(ModelBundleError) {
        var end = 0
        let ordered = tensors.sorted {
            ($0.value.offsets.lowerBound, $0.value.offsets.upperBound, $0.key)
                < ($1.value.offsets.lowerBound, $1.value.offsets.upperBound, $1.key)
        }
        for (name, tensor) in ordered {
            let offsets = tensor.offsets
            guard offsets.lowerBound == end else {
                throw file.error(
                    "data_offsets start at \(offsets.lowerBound), where the tensor before ends at"
                        + " \(end); tensors must follow each other without gaps or overlaps: export"
                        + " it again",
                    field: name
                )
            }
            end = offsets.upperBound
        }
        let available = file.bytes.count - dataStart
        guard end <= available else {
            throw file.error(
                "truncated: the header describes \(dataStart + end) bytes, the file has"
                    + " \(file.bytes.count); copy or export it again"
            )
        }
        guard end == available else {
            throw file.error(
                "\(available - end) bytes follow the last tensor; export it again"
            )
        }
    }

    /// A tensor's elements, row-major.
    ///
    /// - Parameters:
    ///   - name: The tensor's name.
    ///   - shape: What its shape must be; nil where any size will do.
    /// - Throws: When it is missing, of another type or shape, or holds NaN or an infinity.
    func floats(
        _ name: String,
        shape expected: [Int?]
    ) throws(ModelBundleError) -> (shape: [Int], elements: [Float]) {
        guard let tensor = tensors[name] else {
            let names = tensors.keys.sorted().map(\.shown).joined(separator: ", ")
            throw file.error(
                "missing; the file holds \(names.isEmpty ? "no tensors" : names): export it again",
                field: name
            )
        }
        guard tensor.datatype == "F32" else {
            throw file.error(
                "dtype \(tensor.datatype.shown) is not supported; export it as F32",
                field: name
            )
        }
        let agrees =
            tensor.shape.count == expected.count
            && zip(tensor.shape, expected).allSatisfy { $1 == nil || $0 == $1 }
        guard agrees else {
            let shown = expected.map { $0.map(String.init) ?? "any" }.joined(separator: ", ")
            throw file.error(
                "shape \(tensor.shape), expected [\(shown)] by model.yaml; export both together",
                field: name
            )
        }
        var count = 1
        for size in tensor.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow else {
                throw file.error("shape \(tensor.shape) overflows", field: name)
            }
            count = product
        }
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: 4)
        guard !overflow, byteCount == tensor.offsets.count else {
            throw file.error(
                "data_offsets hold \(tensor.offsets.count) bytes, but shape \(tensor.shape) of F32"
                    + " needs \(overflow ? "more" : "\(byteCount)"); export it again",
                field: name
            )
        }
        let start = dataStart + tensor.offsets.lowerBound
        let elements = file.bytes.withUnsafeBytes { buffer in
            // `checkOffsets` found all offsets within the file.
            (0..<count).map { index in
                Float(
                    bitPattern: UInt32(
                        littleEndian: buffer.loadUnaligned(
                            fromByteOffset: start + index * 4,
                            as: UInt32.self
                        )
                    )
                )
            }
        }
        if let index = elements.firstIndex(where: { !$0.isFinite }) {
            throw file.error(
                "element \(index) is \(elements[index]); weights must be finite: export it again",
                field: name
            )
        }
        return (tensor.shape, elements)
    }

    /// Refuses tensors that nobody will read: they tell of another kind of decoder.
    func requireNoOthers(than known: [String]) throws(ModelBundleError) {
        if let name = tensors.keys.sorted().first(where: { !known.contains($0) }) {
            throw file.error(
                "unknown tensor (known: \(known.joined(separator: ", "))); export it again",
                field: name
            )
        }
    }

    func error(_ problem: String, field: String) -> ModelBundleError {
        file.error(problem, field: field)
    }
}
