internal import Foundation
internal import SwiftProtobuf
internal import Testing
internal import Wire

extension EndToEnd {
    /// Language models that a configuration names.
    @Suite struct LanguageModels {
        private let laboratory: Laboratory

        init() throws {
            laboratory = try #require(Laboratory.current)
        }

        /// An ARPA file of single words, all of them as probable.
        private func arpa(of words: Set<String>) -> String {
            let logProbability = -log10(Double(words.count + 2))
            let unigrams = ["<unk>", "</s>"] + words.sorted()
            return """
                \\data\\
                ngram 1=\(unigrams.count + 1)

                \\1-grams:
                -99 <s>
                \(unigrams.map { "\(logProbability) \($0)" }.joined(separator: "\n"))

                \\end\\

                """
        }

        private func write(_ arpa: String) throws -> String {
            let file = "\(laboratory.directory)/\(UUID().uuidString).arpa"
            try arpa.write(toFile: file, atomically: true, encoding: .utf8)
            return file
        }

        private func settings(_ file: String) -> String {
            "language_models: [ { name: words, file: \"\(file)\", unit: word, weight: 0.5 } ]"
        }

        /// What was said, by recording: manifest.tsv's set, id and text.
        private func texts() throws -> [String: String] {
            let file = "\(laboratory.places.shared)/speech/manifest.tsv"
            let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
            return Dictionary(
                uniqueKeysWithValues: lines.dropFirst().map { line in
                    let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
                    return ("\(fields[0])__\(fields[1])", fields[4].uppercased())
                }
            )
        }

        /// A model that knows the words that were said and no others helps; with a weight of 0 it
        /// changes nothing.
        @Test func knownWordsAreFound() async throws {
            let texts = try texts()
            let words = Set(texts.values.flatMap { $0.split(separator: " ").map(String.init) })
            let martlet = try await Martlet(
                laboratory.places,
                directory: laboratory.directory,
                endpoints: ["127.0.0.1:\(laboratory.tritonPort)"],
                modelSettings: settings(try write(arpa(of: words)))
            )
            try await martlet.modelIsServing()
            let recordings = try Recording.all(laboratory.places).suffix(60)
            func right(weight: Float?) async throws -> (right: Int, asReference: Int) {
                var counts = (right: 0, asReference: 0)
                for recording in recordings {
                    let results = try await martlet.recognize(
                        recording.wav,
                        messageBytes: 32_000
                    ) {
                        ReferenceSearch.beam4.configure(&$0)
                        $0.languageModel.name = "words"
                        if let weight { $0.languageModel.weight = weight }
                    }
                    let text = results.last?.alternatives.first?.transcript
                    if text == texts[recording.name] { counts.right += 1 }
                    if text == recording.decodes[.beam4]?.text { counts.asReference += 1 }
                }
                return counts
            }
            let with = try await right(weight: nil)
            let without = try await right(weight: 0)
            print("language model: \(with.right) of 60 recordings right, \(without.right) without")
            #expect(with.right > without.right)
            #expect(without.asReference == recordings.count)
            await martlet.stop()
        }

        /// - Returns: the one line that a server leaves which must refuse the file.
        private func refusal(_ arpa: String) async throws -> (file: String, line: String) {
            let file = try write(arpa)
            let configuration = try Martlet.writeConfiguration(
                directory: laboratory.directory,
                bundle: "\(laboratory.places.export)/bundle",
                endpoints: ["127.0.0.1:\(laboratory.tritonPort)"],
                settings: "",
                modelSettings: settings(file)
            )
            let process = try ChildProcess(
                laboratory.places.martlet,
                [
                    "serve", "--config", configuration, "--listen", "127.0.0.1:0", "--admin",
                    "127.0.0.1:0",
                ]
            )
            #expect(await process.exitStatus() != 0)
            #expect(process.lines.count == 1, "\(process.lines)")
            return (file, process.lines.last ?? "")
        }

        @Test func aBrokenLineIsNamed() async throws {
            let broken = arpa(of: ["HELLO"]).replacingOccurrences(of: " HELLO", with: " HELLO x y")
            let (file, line) = try await refusal(broken)
            #expect(line.contains("\(file):8:"), "\(line)")
        }

        @Test func aModelOfAnotherVocabularyIsRefused() async throws {
            let (file, line) = try await refusal(arpa(of: ["привет", "мир", "слово"]))
            #expect(line.contains(file), "\(line)")
            #expect(line.contains("can write only 0 of its 3 words"), "\(line)")
        }
    }
}
