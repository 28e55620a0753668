internal import StrictYAML

extension Configuration {
    /// How connections to a model's Triton servers are encrypted. Files are in PEM form; `load`
    /// resolves them against the configuration file's directory.
    public struct TLS: Sendable, Equatable {
        /// Certificates of the authorities to believe; nil: those that this system trusts.
        public var authoritiesFile: String?
        /// The certificate to show to servers, followed by those between it and an authority; nil:
        /// none is shown. Nil exactly when `keyFile` is.
        public var certificateFile: String?
        /// Its private key.
        public var keyFile: String?
        /// The name that servers' certificates must be for; nil: the endpoint's host.
        public var serverName: String?

        public init() {}
    }
}

extension Configuration.TLS {
    init(_ value: YAMLValue, resolve: (String) -> String) throws(YAMLError) {
        self.init()
        let tls = try value.mapping(TLSKey.self)
        if let value = tls.optional(.authorities) { authoritiesFile = resolve(try value.string()) }
        if let value = tls.optional(.certificate) { certificateFile = resolve(try value.string()) }
        if let value = tls.optional(.key) { keyFile = resolve(try value.string()) }
        guard (certificateFile == nil) == (keyFile == nil) else {
            throw tls.error(
                "\(certificateFile == nil ? "a key without a certificate" : "a certificate without a key");"
                    + " give both, or neither"
            )
        }
        if let value = tls.optional(.serverName) {
            let name = try value.string(byteCount: 1...253)
            guard name.isName else {
                throw value.error("\(name.shown) is not a host's name; write it without a port")
            }
            serverName = name
        }
    }
}
