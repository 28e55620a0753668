internal import Decoding
internal import StrictYAML

extension Vocabulary {
    /// Reads tokens.txt.
    ///
    /// - Parameter size: Pieces the model knows. Those from there on must be icefall's
    ///   disambiguation symbols (`#0`, `#1`, ...), which only graphs use, and are left out.
    init(_ file: BundleFile, size: Int) throws(ModelBundleError) {
        let all: Vocabulary
        do throws(VocabularyError) {
            all = try Vocabulary(tokens: file.bytes)
        } catch {
            let line = "\(error.line): "
            let text = "\(error)"
            throw ModelBundleError(
                place: "\(file.path):\(error.line)",
                problem: text.hasPrefix(line) ? String(text.dropFirst(line.count)) : text
            )
        }
        guard all.count >= size else {
            throw file.error(
                "\(all.count) pieces, but decoder.vocabulary_size in model.yaml is \(size); export"
                    + " both together"
            )
        }
        let isDisambiguation = { (piece: String) in
            piece.first == "#" && piece.count > 1 && piece.dropFirst().allSatisfy(\.isNumber)
        }
        if let piece = all.pieces[size...].first(where: { !isDisambiguation($0) }) {
            throw file.error(
                "\(all.count) pieces, but decoder.vocabulary_size in model.yaml is \(size), and"
                    + " \(piece.shown) is no disambiguation symbol; export both together"
            )
        }
        self.init(pieces: Array(all.pieces.prefix(size)))
    }
}
