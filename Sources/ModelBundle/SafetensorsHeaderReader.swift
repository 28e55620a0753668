/// Reads the JSON header of a safetensors file: an object of tensors by name, and `__metadata__`,
/// an object of texts. A reader of this one grammar can refuse what JSON's ordinary readers let
/// pass: duplicate names, numbers that are not whole, and nesting that is not there.
struct SafetensorsHeaderReader {
    struct Failure: Error {
        /// Counted from the file's start.
        var offset: Int
        var problem: String
    }

    /// Names are shown in errors and never longer than this in any export.
    private static let maximumNameBytes = 1024
    private static let maximumDimensions = 8
    /// No file is larger, and sums of a few such numbers do not overflow.
    private static let maximumNumber = 1 << 48

    private let bytes: [UInt8]
    private let end: Int
    private var position: Int

    init(bytes: [UInt8], range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    mutating func read() throws(Failure) -> [String: SafetensorsFile.Tensor] {
        // The format forbids white space before the header, which it pads with spaces.
        guard position < end, bytes[position] == UInt8(ascii: "{") else {
            throw failure("expected {")
        }
        var tensors: [String: SafetensorsFile.Tensor] = [:]
        var hasMetadata = false
        try readObject { (reader, name) throws(Failure) in
            if name == "__metadata__" {
                guard !hasMetadata else { throw reader.failure("__metadata__ is given twice") }
                hasMetadata = true
                try reader.readObject { (reader, _) throws(Failure) in _ = try reader.readString() }
            } else {
                let tensor = try reader.readTensor()
                guard tensors.updateValue(tensor, forKey: name) == nil else {
                    throw reader.failure("a tensor is given twice")
                }
            }
        }
        skipSpace()
        guard position == end else { throw failure("expected the header's end") }
        return tensors
    }

    private mutating func readTensor() throws(Failure) -> SafetensorsFile.Tensor {
        var datatype: String?
        var shape: [Int]?
        var offsets: [Int]?
        try readObject { (reader, key) throws(Failure) in
            switch key {
            case "dtype" where datatype == nil: datatype = try reader.readString()
            case "shape" where shape == nil: shape = try reader.readNumbers()
            case "data_offsets" where offsets == nil: offsets = try reader.readNumbers()
            default:
                throw reader.failure("expected dtype, shape and data_offsets, each once")
            }
        }
        guard let datatype, let shape, let offsets else {
            throw failure("expected dtype, shape and data_offsets, each once")
        }
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw failure("data_offsets must be a start and an end")
        }
        return SafetensorsFile.Tensor(
            datatype: datatype,
            shape: shape,
            offsets: offsets[0]..<offsets[1]
        )
    }

    private mutating func readObject(
        _ readMember: (inout Self, String) throws(Failure) -> Void
    ) throws(Failure) {
        try expect("{")
        if skip("}") { return }
        repeat {
            let key = try readString()
            try expect(":")
            try readMember(&self, key)
        } while skip(",")
        try expect("}")
    }

    private mutating func readNumbers() throws(Failure) -> [Int] {
        try expect("[")
        var numbers: [Int] = []
        if skip("]") { return numbers }
        repeat {
            skipSpace()
            let start = position
            while position < end, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position])
            {
                position += 1
            }
            let digits = String(decoding: bytes[start..<position], as: UTF8.self)
            guard let number = Int(digits), number <= Self.maximumNumber,
                digits == "0" || !digits.hasPrefix("0")
            else { throw failure("expected a whole number up to 2^48") }
            numbers.append(number)
            guard numbers.count <= Self.maximumDimensions else {
                throw failure("more than \(Self.maximumDimensions) numbers in a list")
            }
        } while skip(",")
        try expect("]")
        return numbers
    }

    private mutating func readString() throws(Failure) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while position < end, bytes[position] != UInt8(ascii: "\"") {
            let byte = bytes[position]
            guard byte >= 0x20 else { throw failure("a control character in a text") }
            position += 1
            if byte == UInt8(ascii: "\\") {
                text += try readEscape()
            } else {
                text.append(byte)
            }
            guard text.count <= Self.maximumNameBytes else {
                throw failure("a text of more than \(Self.maximumNameBytes) bytes")
            }
        }
        try expect("\"")
        guard let string = String(validating: text, as: UTF8.self) else {
            throw failure("a text that is not UTF-8")
        }
        return string
    }

    private mutating func readEscape() throws(Failure) -> [UInt8] {
        guard position < end else { throw failure("expected an escape") }
        defer { position += 1 }
        switch bytes[position] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [bytes[position]]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            let digits = bytes[position + 1..<min(position + 5, end)]
            // Surrogate pairs, which no exporter writes, are not scalars and are refused here.
            guard digits.count == 4, digits.allSatisfy({ $0 != UInt8(ascii: "+") }),
                let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
                let scalar = Unicode.Scalar(value)
            else { throw failure("expected four hexadecimal digits of a character") }
            position += 4
            return Array(String(Character(scalar)).utf8)
        default: throw failure("an unknown escape")
        }
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Failure) {
        guard skip(character) else { throw failure("expected \(character)") }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < end, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while position < end, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
    }

    private func failure(_ problem: String) -> Failure {
        Failure(offset: position, problem: problem)
    }
}
