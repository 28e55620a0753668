internal import CGRPCShim

extension cgrpc_tls {
    /// Calls `body` with the shim's view, valid inside `body` alone.
    static func with<Value>(
        _ authorities: TLSAuthorities?,
        _ identity: TLSIdentity?,
        serverName: String? = nil,
        _ body: (UnsafePointer<cgrpc_tls>) -> Value
    ) -> Value {
        (authorities?.certificates ?? []).withUnsafeBytes { authorities in
            (identity?.certificateChain ?? []).withUnsafeBytes { chain in
                (identity?.privateKey ?? []).withUnsafeBytes { key in
                    // An optional's text has no pointer of its own to borrow.
                    (serverName ?? "").withCString { name in
                        var tls = cgrpc_tls(
                            authorities: cgrpc_bytes(authorities),
                            certificate_chain: cgrpc_bytes(chain),
                            private_key: cgrpc_bytes(key),
                            server_name: serverName == nil ? nil : name
                        )
                        return body(&tls)
                    }
                }
            }
        }
    }
}
