internal import AudioFrontend
internal import Decoding
internal import Fleet
internal import ModelBundle
internal import Recognition
internal import SwiftProtobuf
internal import Wire

extension Martlet_V1_RecognizeResponse {
    /// A result with the details that the client asked for.
    init(_ result: RecognitionResult, _ settings: RecognitionSettings) {
        self = .with {
            $0.results = [
                .with {
                    $0.alternatives = result.alternatives.map {
                        Martlet_V1_RecognitionAlternative(
                            $0,
                            isFinal: result.isFinal,
                            settings
                        )
                    }
                    $0.isFinal = result.isFinal
                    $0.stability = result.stability
                    $0.resultEndTime = .init(result.endTime)
                    $0.audioProcessed = .init(result.audioProcessed)
                }
            ]
        }
    }
}

extension Martlet_V1_RecognitionAlternative {
    init(_ transcript: Transcript, isFinal: Bool, _ settings: RecognitionSettings) {
        self = .with {
            $0.transcript = transcript.text
            if isFinal { $0.confidence = transcript.confidence }
            if settings.wantsWordTimes || settings.wantsWordConfidence {
                $0.words = transcript.words.map { Martlet_V1_WordInfo($0, settings) }
            }
            if settings.wantsTokens {
                $0.tokens = transcript.tokens.map(Martlet_V1_TokenInfo.init)
            }
        }
    }
}

extension Martlet_V1_WordInfo {
    init(_ word: Transcript.Word, _ settings: RecognitionSettings) {
        self = .with {
            $0.word = word.text
            if settings.wantsWordTimes {
                $0.startTime = .init(word.startTime)
                $0.endTime = .init(word.endTime)
            }
            if settings.wantsWordConfidence { $0.confidence = word.confidence }
        }
    }
}

extension Martlet_V1_TokenInfo {
    init(_ token: Transcript.Token) {
        self = .with {
            $0.piece = token.piece
            $0.time = .init(token.time)
            $0.logProb = token.logProbability
        }
    }
}

extension Martlet_V1_Model {
    init(_ model: SpeechModel) {
        let description = model.bundle.description
        self = .with {
            $0.name = model.name
            $0.description_p = description.summary
            $0.languageCodes = description.languages
            $0.sampleRateHertz = Int32(description.frontend.sampleRateHertz)
            $0.encodings = [.linear16]
            $0.chunkDuration = .init(description.encoder.chunkShiftDuration)
            $0.ready = model.fleet.readiness.isReady
        }
    }
}
