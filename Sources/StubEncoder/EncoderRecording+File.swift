internal import Foundation
public import GRPCTransport

/// A recording's file. Numbers are little-endian and unsigned:
///
///     offset  bytes  what
///     0       8      "MRTLENCR"
///     8       4      version of the format, 1
///     12      4      m, bytes of the model's name
///     16      4      w, bytes of the weights' name
///     20      4      bytes of a chunk's features
///     24      4      b, bytes of a chunk's output
///     28      4      n, chunks
///     32      m      the model's name, UTF-8
///     32+m    w      the weights' name, UTF-8
///     then    b      the output for unknown chains
///     then    8+b    n times: a chain's hash, from the lowest on, and its last chunk's output
///     then    8      ``ChunkDigest`` of everything before
extension EncoderRecording {
    private static let magic = Array("MRTLENCR".utf8)
    private static let formatVersion: UInt32 = 1
    private static let fixedBytes = 32
    private static let hashBytes = 8
    /// Larger files are refused unread: it is held in memory.
    public static let maximumFileBytes = 2 << 30

    /// Reads a file.
    /// - Throws: ``StubEncoderError`` naming the file.
    public static func load(file: String) throws(StubEncoderError) -> EncoderRecording {
        let data: Data
        do {
            let url = URL(fileURLWithPath: file)
            let size = try url.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
            guard size <= maximumFileBytes else {
                throw StubEncoderError("is larger than \(maximumFileBytes) bytes")
            }
            data = try Data(contentsOf: url, options: .mappedIfSafe)
        } catch let error as StubEncoderError {
            throw StubEncoderError("recording \(file): \(error)")
        } catch {
            throw StubEncoderError(
                """
                recording \(file) cannot be read: \(error.localizedDescription); make one with \
                --record-from
                """
            )
        }
        do throws(StubEncoderError) {
            return try EncoderRecording(
                serialized: data.withUnsafeBytes(MessageBytes.init(copying:))
            )
        } catch {
            throw StubEncoderError("recording \(file): \(error)")
        }
    }

    /// Writes a file, whole or not at all.
    /// - Throws: ``StubEncoderError`` naming the file.
    public func save(file: String) throws(StubEncoderError) {
        do {
            try Data([UInt8](serialized)).write(to: URL(fileURLWithPath: file), options: .atomic)
        } catch {
            throw StubEncoderError(
                "recording \(file) cannot be written: \(error.localizedDescription)"
            )
        }
    }

    /// The file's bytes.
    public var serialized: MessageBytes {
        var bytes = Self.magic
        let (name, weightsName) = (Array(model.utf8), Array(weights.utf8))
        let numbers = [
            Int(Self.formatVersion), name.count, weightsName.count, featureByteCount,
            outputByteCount, outputs.count,
        ]
        for number in numbers {
            withUnsafeBytes(of: UInt32(number).littleEndian) { bytes += $0 }
        }
        bytes += name + weightsName
        bytes += [UInt8](fallback)
        for (chain, output) in outputs.sorted(by: { $0.key.value < $1.key.value }) {
            withUnsafeBytes(of: chain.value.littleEndian) { bytes += $0 }
            bytes += [UInt8](output)
        }
        let digest = ChunkDigest(MessageBytes(bytes))
        withUnsafeBytes(of: digest.value.littleEndian) { bytes += $0 }
        return MessageBytes(bytes)
    }

    /// Reads what ``serialized`` gives. Outputs are cut from `bytes`.
    /// - Throws: ``StubEncoderError`` saying what is wrong; any bytes are safe.
    public init(serialized bytes: MessageBytes) throws(StubEncoderError) {
        guard bytes.count >= Self.fixedBytes, [UInt8](bytes[0..<8]) == Self.magic else {
            throw StubEncoderError("is not a recording of an encoder")
        }
        let fields = (2..<8).map {
            Int(UInt32(truncatingIfNeeded: Self.word(bytes, at: $0 * 4, 4)))
        }
        guard fields[0] == Self.formatVersion else {
            throw StubEncoderError(
                "is of format \(fields[0]), this program reads \(Self.formatVersion); record again"
            )
        }
        let (nameBytes, weightsBytes, outputBytes) = (fields[1], fields[2], fields[4])
        // Each number has 32 bits, so the sums stay within 64; only the product may not.
        let (chunkBytes, overflow) = (Self.hashBytes + outputBytes)
            .multipliedReportingOverflow(by: fields[5])
        let expected =
            Self.fixedBytes + nameBytes + weightsBytes + outputBytes + Self.hashBytes
        guard !overflow, chunkBytes <= bytes.count, expected + chunkBytes == bytes.count else {
            throw StubEncoderError(
                "has \(bytes.count) bytes, which is not what its head says; it is broken off or damaged"
            )
        }
        let end = bytes.count - Self.hashBytes
        guard ChunkDigest(bytes[0..<end]).value == Self.word(bytes, at: end, 8) else {
            throw StubEncoderError("is damaged: its contents do not fit its digest; record again")
        }
        var offset = Self.fixedBytes
        func text(_ count: Int) throws(StubEncoderError) -> String {
            defer { offset += count }
            guard
                let text = String(
                    validating: [UInt8](bytes[offset..<offset + count]),
                    as: UTF8.self
                )
            else { throw StubEncoderError("has a name that is not UTF-8; record again") }
            return text
        }
        self.init(
            model: try text(nameBytes),
            weights: try text(weightsBytes),
            featureByteCount: fields[3],
            outputByteCount: outputBytes
        )
        fallback = bytes[offset..<offset + outputBytes]
        offset += outputBytes
        for _ in 0..<fields[5] {
            let chain = ChainHash(value: Self.word(bytes, at: offset, 8))
            offset += Self.hashBytes
            guard chain != .start, chain != .broken, output(chain) == nil else {
                throw StubEncoderError("has a chain twice, or one that cannot be; record again")
            }
            insert(bytes[offset..<offset + outputBytes], for: chain)
            offset += outputBytes
        }
    }

    private static func word(_ bytes: MessageBytes, at offset: Int, _ count: Int) -> UInt64 {
        var word: UInt64 = 0
        withUnsafeMutableBytes(of: &word) { bytes[offset..<offset + count].copyBytes(to: $0) }
        return UInt64(littleEndian: word)
    }
}
