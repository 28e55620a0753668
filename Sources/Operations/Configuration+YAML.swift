internal import Logging
internal import StrictYAML

extension Configuration {
    /// Models that one server may have.
    static let maximumModels = 64
    /// Triton servers that one model may have.
    static let maximumEndpoints = 64
    /// Language models that one model may have.
    static let maximumLanguageModels = 16

    init(_ value: YAMLValue, resolve: (String) -> String) throws(YAMLError) {
        self.init()
        let root = try value.mapping(ConfigurationKey.self)
        if let value = root.optional(.server) { server = try Server(value) }
        if let value = root.optional(.limits) { limits = try Limits(value) }
        for element in try root.required(.models).list(count: 1...Self.maximumModels) {
            let model = try Model(element, resolve: resolve)
            guard !models.contains(where: { $0.name == model.name }) else {
                throw (element.member(ModelKey.name.rawValue) ?? element).error(
                    "two models are called \"\(model.name)\"; give each a name of its own"
                )
            }
            models.append(model)
        }
    }
}

extension Duration {
    fileprivate static let day = Duration.seconds(24 * 3600)
}

extension Configuration.Server {
    fileprivate init(_ value: YAMLValue) throws(YAMLError) {
        self.init()
        let server = try value.mapping(ServerKey.self)
        try server.read(.listen, into: &listenAddress) { value throws(YAMLError) in
            try value.address(ports: 0...65_535)
        }
        try server.read(.admin, into: &adminAddress) { value throws(YAMLError) in
            try value.string(byteCount: 0...255).isEmpty ? nil : value.address(ports: 0...65_535)
        }
        try server.read(.maximumMessageBytes, into: &maximumMessageBytes, in: 1024...1 << 30)
        try server.read(.maximumMetadataBytes, into: &maximumMetadataBytes, in: 1024...1 << 20)
        try server.read(
            .maximumBufferedBytes,
            into: &maximumBufferedBytes,
            in: 1 << 20...1 << 40
        )
        try server.read(.maximumStreams, into: &maximumStreams, in: 1...1_000_000)
        try server.read(.keepaliveTime, into: &keepaliveTime, in: .seconds(1) ... .day)
        try server.read(
            .keepaliveTimeout,
            into: &keepaliveTimeout,
            in: .milliseconds(100) ... .day
        )
        try server.read(
            .minimumPingInterval,
            into: &minimumPingInterval,
            in: .milliseconds(100) ... .day
        )
        try server.read(.shutdownGrace, into: &shutdownGrace, in: .zero ... .day)
        try server.read(.logLevel, into: &logLevel) { value throws(YAMLError) in
            try value.choice(of: Logger.Level.self)
        }
    }
}

extension Configuration.Limits {
    fileprivate init(_ value: YAMLValue) throws(YAMLError) {
        self.init()
        let limits = try value.mapping(LimitsKey.self)
        let spans = Duration.milliseconds(10) ... .day
        try limits.read(.firstMessageTimeout, into: &firstMessageTimeout, in: spans)
        try limits.read(.idleTimeout, into: &idleTimeout, in: spans)
        try limits.read(.maximumStreamDuration, intoOptional: &maximumStreamDuration)
        try limits.read(.maximumAudioDuration, intoOptional: &maximumAudioDuration)
        try limits.read(.lastResultTimeout, into: &lastResultTimeout, in: spans)
        try limits.read(.maximumAlternatives, into: &maximumAlternatives, in: 1...1000)
        try limits.read(.maximumBeamSize, into: &maximumBeamSize, in: 1...64)
        try limits.read(.maximumPhrases, into: &maximumPhrases, in: 0...20_000)
    }
}

extension Configuration.Model {
    fileprivate init(_ value: YAMLValue, resolve: (String) -> String) throws(YAMLError) {
        let model = try value.mapping(ModelKey.self)
        let name = try model.required(.name)
        self.init(
            name: try name.string(byteCount: 1...128),
            bundleDirectory: resolve(try model.required(.bundle).string()),
            endpoints: []
        )
        guard self.name.isName else {
            throw name.error(
                "\(self.name.shown) is not a name; use letters, digits, dots, underscores and"
                    + " hyphens"
            )
        }
        let addresses = try model.required(.endpoints)
        for element in try addresses.list(count: 1...Configuration.maximumEndpoints) {
            let address = try element.endpoint()
            guard !endpoints.contains(where: { $0.lowercased() == address.lowercased() }) else {
                throw element.error("\(address.shown) is listed twice; keep one")
            }
            endpoints.append(address)
        }
        try model.read(
            .resolveInterval,
            into: &resolveInterval,
            in: .milliseconds(100) ... .seconds(3600)
        )
        if let value = model.optional(.tls) {
            tls = try Configuration.TLS(value, resolve: resolve)
        }
        try model.read(.outputCase, into: &outputCase) { value throws(YAMLError) in
            try value.choice(of: Configuration.OutputCase.self)
        }
        if let value = model.optional(.languageModels) {
            languageModels = try value.languageModels(resolve: resolve)
        }
        fleet = try Configuration.Fleet(model)
    }
}
