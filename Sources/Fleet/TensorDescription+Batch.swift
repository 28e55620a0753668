package import GRPCTransport
package import ModelBundle

/// A batch's contents, put together from streams' and taken apart again.
///
/// Row-major, a stream's part of a batch is one slab for each place before the batch axis: a single one
/// where the batch comes first, and `[2, batch, 7]` has two slabs of seven elements a stream, those of
/// all streams side by side.
extension TensorDescription {
    private var slabCount: Int { shape[..<batchAxis].reduce(1) { $0 * ($1 ?? 1) } }

    /// Smaller slabs are copied together: a slice of its own, which the transport counts references
    /// to and writes by itself, costs more than copying so little.
    package static let minimumSlabToShare = 4096

    /// The contents of a batch.
    /// - Parameter rows: each stream's contents.
    package func batch(_ rows: [MessageBytes]) -> MessageBytes {
        if rows.count == 1 { return rows[0] }
        let slab = byteCountPerStream / slabCount
        guard slab >= Self.minimumSlabToShare else { return copiedBatch(rows, slab: slab) }
        var batch = MessageBytes()
        for place in 0..<slabCount {
            for row in rows {
                // Whole where there is one: looking for its slices takes time too.
                batch.append(
                    slabCount == 1 ? row : row[place * slab..<(place + 1) * slab]
                )
            }
        }
        return batch
    }

    private func copiedBatch(_ rows: [MessageBytes], slab: Int) -> MessageBytes {
        MessageBytes(count: byteCountPerStream * rows.count) { target in
            for (index, row) in rows.enumerated() {
                precondition(row.count == byteCountPerStream, "a tensor has a fixed size")
                var start = 0
                row.forEachSlice { bytes in
                    var from = 0
                    while from < bytes.count {
                        let (place, offset) = (start + from).quotientAndRemainder(dividingBy: slab)
                        let count = min(slab - offset, bytes.count - from)
                        let to = (place * rows.count + index) * slab + offset
                        target.copy(bytes, from..<from + count, to: to)
                        from += count
                    }
                    start += bytes.count
                }
            }
        }
    }

    /// Copies a stream's part of a batch.
    /// - Parameters:
    ///   - rows: streams in the batch.
    ///   - content: the batch's.
    ///   - target: as large as the part.
    package func copyRow(
        _ index: Int,
        of rows: Int,
        in content: MessageBytes,
        to target: UnsafeMutableRawBufferPointer
    ) {
        precondition(content.count == byteCountPerStream * rows, "a batch has a fixed size")
        precondition(target.count == byteCountPerStream, "a tensor has a fixed size")
        let slab = byteCountPerStream / slabCount
        var place = 0
        var start = 0
        content.forEachSlice { bytes in
            let end = start + bytes.count
            while place < slabCount {
                let first = (place * rows + index) * slab
                let lower = max(first, start)
                let upper = min(first + slab, end)
                if lower < upper {
                    let range = lower - start..<upper - start
                    target.copy(bytes, range, to: place * slab + lower - first)
                }
                // The rest of the slab, if any, is in the next slice.
                guard first + slab <= end else { break }
                place += 1
            }
            start = end
        }
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func copy(_ source: UnsafeRawBufferPointer, _ range: Range<Int>, to place: Int) {
        UnsafeMutableRawBufferPointer(rebasing: self[place..<place + range.count])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[range]))
    }
}
