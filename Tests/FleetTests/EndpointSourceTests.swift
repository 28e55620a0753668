internal import Fleet
internal import Testing

@Suite struct EndpointSourceTests {
    @Test(arguments: [
        "localhost:8001", "10.0.0.7:8001", "[::1]:8001", "unix:/run/triton.sock", "dns.example:1",
    ])
    func addressIsOneEndpoint(text: String) throws {
        let source = try EndpointSource(text)
        #expect(source == .fixed(address: text))
        #expect("\(source)" == text)
    }

    @Test(arguments: [
        ("dns:triton.example.org:8001", "triton.example.org", 8001),
        ("dns:localhost:65535", "localhost", 65_535), ("dns:10.0.0.7:1", "10.0.0.7", 1),
        ("dns:[::1]:8001", "::1", 8001),
    ])
    func nameIsEndpointsAtItsAddresses(text: String, host: String, port: Int) throws {
        let source = try EndpointSource(text)
        #expect(source == .name(host: host, port: port))
        #expect("\(source)" == text)
    }

    @Test(arguments: [
        ("", "it is empty"), ("dns:", "it has no port"), ("dns:8001", "it has no port"),
        ("dns:h:", "its port must be from 1 to 65535"),
        ("dns:h:0", "its port must be from 1 to 65535"),
        ("dns:h:65536", "its port must be from 1 to 65535"),
        ("dns:h:+1", "its port must be from 1 to 65535"),
        ("dns:h:99999999999999999999", "its port must be from 1 to 65535"),
        ("dns::1", "its host is not a name"), ("dns:[]:1", "its host is not a name"),
        ("dns:a\0b:1", "its host is not a name"), ("dns:///h:1", "its host is not a name"),
        ("dns:::1:8001", "an IPv6 address needs brackets"),
    ])
    func whatNamesNoEndpointsIsRefused(text: String, problem: String) {
        #expect {
            _ = try EndpointSource(text)
        } throws: {
            "\($0)" == """
                "\(text)" names no endpoints: \(problem); write host:port, or dns:host:port for \
                every address of a name
                """
        }
    }
}
