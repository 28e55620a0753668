// The keys of a configuration, as they are written. Config/martlet.yaml documents each.

package enum ConfigurationKey: String, CaseIterable, Sendable {
    case server, limits, models
}

package enum ServerKey: String, CaseIterable, Sendable {
    case listen, admin
    case maximumMessageBytes = "max_message_bytes"
    case maximumMetadataBytes = "max_metadata_bytes"
    case maximumBufferedBytes = "max_buffered_bytes"
    case maximumStreams = "max_streams"
    case keepaliveTime = "keepalive_time"
    case keepaliveTimeout = "keepalive_timeout"
    case minimumPingInterval = "min_ping_interval"
    case shutdownGrace = "shutdown_grace"
    case logLevel = "log_level"
}

package enum LimitsKey: String, CaseIterable, Sendable {
    case firstMessageTimeout = "first_message_timeout"
    case idleTimeout = "idle_timeout"
    case maximumStreamDuration = "max_stream_duration"
    case maximumAudioDuration = "max_audio_duration"
    case lastResultTimeout = "last_result_timeout"
    case maximumAlternatives = "max_alternatives"
    case maximumBeamSize = "max_beam_size"
    case maximumPhrases = "max_phrases"
}

package enum ModelKey: String, CaseIterable, Sendable {
    case name, bundle, endpoints
    case resolveInterval = "resolve_interval"
    case tls
    case outputCase = "output_case"
    case languageModels = "language_models"
    case statePolicy = "state_policy"
    case connections
    case inferTimeout = "infer_timeout"
    case patience, balancing
    case slowStart = "slow_start"
    case batching, hedging, snapshots, health, retries, admission
}

package enum BatchingKey: String, CaseIterable, Sendable {
    case maximumBatch = "max_batch"
    case maximumWait = "max_wait"
    case maximumOutstanding = "max_outstanding"
}

package enum SnapshotsKey: String, CaseIterable, Sendable {
    case interval
    case maximumBytes = "max_bytes"
}

package enum RetriesKey: String, CaseIterable, Sendable {
    case share
    case minimumPerSecond = "min_per_second"
}

package enum AdmissionKey: String, CaseIterable, Sendable {
    case headroom
    case maximumStreams = "max_streams"
}

package enum LanguageModelKey: String, CaseIterable, Sendable {
    case name, file, unit
    case letterCase = "case"
    case weight
    case insertionBonus = "insertion_bonus"
    case unknownWordOffset = "unknown_word_offset"
    case source
}

package enum LanguageModelSourceKey: String, CaseIterable, Sendable {
    case file, weight
}

package enum HealthKey: String, CaseIterable, Sendable {
    case interval, timeout
    case unansweredChecks = "unanswered_checks"
    case failuresToEject = "failures_to_eject"
    case minimumEjection = "min_ejection"
    case maximumEjection = "max_ejection"
    case maximumEjectedShare = "max_ejected_share"
}

package enum TLSKey: String, CaseIterable, Sendable {
    case authorities = "ca"
    case certificate, key
    case serverName = "server_name"
}
