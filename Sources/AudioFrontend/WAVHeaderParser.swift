/// Recognises a WAV header at the start of a stream that comes in pieces of any size, and reads it.
///
///     recognising -> raw                            the bytes are no WAV container
///     recognising -> chunk                          "RIFF", a size, "WAVE"
///     chunk       -> format -> skipping -> chunk    "fmt "
///     chunk       -> skipping -> chunk              any other chunk before the data
///     chunk       -> wav                            "data", after a "fmt "
///
/// It keeps at most 40 bytes, whatever comes. Only linear PCM passes; whether the channels, bits and
/// rate can be served is the caller's question (`LinearPCMFormat.checkSupported`).
public struct WAVHeaderParser: Sendable {
    /// A header with more bytes than this before its samples is refused.
    public static let maximumHeaderBytes = 65_536

    public enum Outcome: Sendable, Hashable {
        case incomplete
        /// Not a WAV stream: `heldBytes` and everything after them are audio.
        case raw
        case wav(WAVHeader)
    }

    private enum State: Sendable {
        case recognising
        case chunk
        /// Gathering the part of a "fmt " chunk that says something; `rest` bytes follow it.
        case format(rest: Int)
        case skipping(bytes: Int)
    }

    // A writer that cannot seek back leaves a size of 0, of all ones, or just under 2 GiB
    // (SoX writes 0x7FFFF000): such audio lasts until the stream ends.
    private static let unknownDataBytes = 0x7FFF_F000
    private static let chunkHeaderBytes = 8
    private static let riffHeaderBytes = 12
    private static let basicFormatBytes = 16
    private static let extensibleFormatBytes = 40
    private static let pcmTag: UInt16 = 1
    private static let extensibleTag: UInt16 = 0xFFFE
    // The subtype's identifier is the format tag followed by these bytes.
    private static let subtypeSuffix: [UInt8] = [
        0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71,
    ]
    private static let containers = ["RIFF", "RIFX", "RF64", "BW64"].map { Array($0.utf8) }

    public private(set) var outcome = Outcome.incomplete
    /// Bytes taken so far.
    public private(set) var byteOffset = 0
    private var state = State.recognising
    private var gathered: [UInt8] = []
    private var wanted = Self.riffHeaderBytes
    private var format: LinearPCMFormat?

    public init() {
        gathered.reserveCapacity(Self.extensibleFormatBytes)
    }

    /// Bytes that were taken for a header's start: audio, once the outcome is `raw`, or once the
    /// stream has ended while `isUndecided`.
    public var heldBytes: [UInt8] { gathered }

    /// Too few bytes have come to say whether this is a WAV stream.
    public var isUndecided: Bool {
        if case .recognising = state { return outcome == .incomplete }
        return false
    }

    /// Takes the header's part of the next bytes of the stream.
    ///
    /// - Returns: how many bytes it took; once `outcome` is decided, what is left is audio.
    /// - Throws: `malformedWAVHeader`, `wavHeaderTooLong`, `unsupportedWAVContainer` or
    ///   `unsupportedWAVFormat`. The parser is of no use after that.
    public mutating func consume(_ bytes: UnsafeRawBufferPointer) throws(AudioError) -> Int {
        var position = 0
        while outcome == .incomplete, position < bytes.count {
            switch state {
            case .skipping(let remaining):
                let step = min(remaining, bytes.count - position)
                position += step
                byteOffset += step
                state = remaining == step ? .chunk : .skipping(bytes: remaining - step)
            case .recognising:
                take(1, of: bytes, at: &position)
                try recognise()
            case .chunk:
                take(wanted - gathered.count, of: bytes, at: &position)
                if gathered.count == wanted { try readChunkHeader() }
            case .format(let rest):
                take(wanted - gathered.count, of: bytes, at: &position)
                if gathered.count == wanted { try readFormat(rest: rest) }
            }
        }
        return position
    }

    private mutating func take(
        _ count: Int,
        of bytes: UnsafeRawBufferPointer,
        at position: inout Int
    ) {
        let step = min(count, bytes.count - position)
        gathered.append(contentsOf: bytes[position..<(position + step)])
        position += step
        byteOffset += step
    }

    private mutating func expect(_ state: State, bytes: Int) {
        self.state = state
        gathered.removeAll(keepingCapacity: true)
        wanted = bytes
    }

    // Called after each byte, so that bare samples are let go at the first that no header has.
    private mutating func recognise() throws(AudioError) {
        let name = gathered.prefix(4)
        let form = gathered.dropFirst(8)
        guard Self.containers.contains(where: { $0.starts(with: name) }),
            "WAVE".utf8.starts(with: form)
        else {
            outcome = .raw
            return
        }
        guard gathered.count == wanted else { return }
        guard name.elementsEqual("RIFF".utf8) else {
            throw .unsupportedWAVContainer(String(decoding: name, as: UTF8.self))
        }
        expect(.chunk, bytes: Self.chunkHeaderBytes)
    }

    private mutating func readChunkHeader() throws(AudioError) {
        let start = byteOffset - Self.chunkHeaderBytes
        let size = Int(littleEndian(UInt32.self, at: 4))
        let name = gathered.prefix(4)
        if name.elementsEqual("data".utf8) {
            guard let format else {
                throw .malformedWAVHeader(byteOffset: start, reason: "data before a fmt chunk")
            }
            outcome = .wav(
                WAVHeader(
                    format: format,
                    dataByteCount: size == 0 || size >= Self.unknownDataBytes ? nil : size,
                    headerByteCount: byteOffset
                )
            )
            return
        }
        // Chunks are padded to an even length. Four bytes of size cannot overflow a sum of Ints.
        let padded = size + size % 2
        guard byteOffset + padded + Self.chunkHeaderBytes <= Self.maximumHeaderBytes else {
            throw .wavHeaderTooLong(limitBytes: Self.maximumHeaderBytes)
        }
        guard name.elementsEqual("fmt ".utf8) else {
            expect(padded == 0 ? .chunk : .skipping(bytes: padded), bytes: Self.chunkHeaderBytes)
            return
        }
        guard format == nil else {
            throw .malformedWAVHeader(byteOffset: start, reason: "a second fmt chunk")
        }
        guard size >= Self.basicFormatBytes else {
            throw .malformedWAVHeader(
                byteOffset: start,
                reason: "a fmt chunk of \(size) bytes where \(Self.basicFormatBytes) are needed"
            )
        }
        let read = min(size, Self.extensibleFormatBytes)
        expect(.format(rest: padded - read), bytes: read)
    }

    private mutating func readFormat(rest: Int) throws(AudioError) {
        var tag = littleEndian(UInt16.self, at: 0)
        if tag == Self.extensibleTag {
            guard gathered.count == Self.extensibleFormatBytes else {
                throw .malformedWAVHeader(
                    byteOffset: byteOffset - gathered.count,
                    reason: "an extensible fmt chunk without its subtype"
                )
            }
            if gathered.suffix(Self.subtypeSuffix.count).elementsEqual(Self.subtypeSuffix) {
                tag = littleEndian(UInt16.self, at: 24)
            }
        }
        guard tag == Self.pcmTag else { throw .unsupportedWAVFormat(tag: tag) }
        format = LinearPCMFormat(
            sampleRateHertz: Int(littleEndian(UInt32.self, at: 4)),
            channelCount: Int(littleEndian(UInt16.self, at: 2)),
            bitsPerSample: Int(littleEndian(UInt16.self, at: 14))
        )
        expect(rest == 0 ? .chunk : .skipping(bytes: rest), bytes: Self.chunkHeaderBytes)
    }

    private func littleEndian<Value: FixedWidthInteger>(_: Value.Type, at index: Int) -> Value {
        gathered[index..<(index + MemoryLayout<Value>.size)].reversed()
            .reduce(0) { $0 << 8 | Value($1) }
    }
}
