internal import StrictYAML
internal import Testing

private enum Key: String, CaseIterable {
    case server, models
}

private enum ServerKey: String, CaseIterable {
    case listen, port
}

@Suite struct YAMLOverrideTests {
    private func document(_ text: String, _ overrides: YAMLOverride...) throws -> YAMLDocument {
        var document = try YAMLDocument(text, name: "f.yaml")
        for override in overrides { try document.apply(override) }
        return document
    }

    private func failure(_ text: String, _ assignment: String) -> String {
        do throws(YAMLError) {
            var document = try YAMLDocument(text, name: "f.yaml")
            try document.apply(YAMLOverride(assignment: assignment, flag: "--set"))
            let root = try document.root.mapping(Key.self)
            if let server = root.optional(.server) {
                _ = try server.mapping(ServerKey.self).optional(.port)?.int(in: 1...9)
            }
            return "no error"
        } catch {
            return error.description
        }
    }

    @Test(arguments: ["models[0].endpoints", "models.0.endpoints"])
    func bothFormsOfAPath(path: String) {
        #expect(YAMLPath(path)?.parts == ["models", "0", "endpoints"])
        #expect(YAMLPath(path)?.description == "models[0].endpoints")
    }

    @Test(arguments: ["", ".", "a.", ".a", "a[", "a[]", "a[-1]", "a[x]", "a]", "[0]", "a[0]b"])
    func notPaths(path: String) {
        #expect(YAMLPath(path) == nil)
    }

    @Test func overridesReplaceAndCreate() throws {
        let document = try document(
            "server: { listen: 'a:1' }",
            YAMLOverride(assignment: "server.listen=b:2", flag: "--set"),
            YAMLOverride(assignment: "models[0].name=x", flag: "--set"),
            YAMLOverride(assignment: "models[0].endpoints=[\"c:3\", \"d:4\"]", flag: "--set")
        )
        let root = try document.root.mapping(Key.self)
        let server = try root.required(.server).mapping(ServerKey.self)
        #expect(try server.required(.listen).string() == "b:2")
        let model = try root.required(.models).list(count: 1...1)[0]
        #expect(model.path == "models[0]")
        #expect(try model.member("name")?.string() == "x")
        #expect(try model.member("endpoints")?.list(count: 2...2)[1].string() == "d:4")
    }

    @Test func literalTextIsNotParsed() throws {
        let path = try #require(YAMLPath("server.listen"))
        let override = YAMLOverride(
            path: path,
            text: "[::1]:50051",
            isLiteral: true,
            origin: "--listen"
        )
        let root = try document("", override).root.mapping(Key.self)
        let server = try root.required(.server).mapping(ServerKey.self)
        #expect(try server.required(.listen).string() == "[::1]:50051")
    }

    @Test func anEmptyFileTakesOverrides() throws {
        let document = try document("", YAMLOverride(assignment: "server.port=3", flag: "--set"))
        let server = try document.root.mapping(Key.self).required(.server).mapping(ServerKey.self)
        #expect(try server.required(.port).int(in: 1...9) == 3)
    }

    @Test(arguments: [
        (
            "server.prt=1",
            "--set server.prt: server.prt: unknown key; did you mean \"port\"? "
                + "(known keys: listen, port)"
        ),
        (
            "server.port=x",
            "--set server.port: server.port: expected a whole number from 1 to 9, found \"x\""
        ),
        (
            "server.port.deep=x",
            "--set server.port.deep: server.port.deep: server.port is \"7\", set at f.yaml:1:17,"
                + " and holds no keys"
        ),
        (
            "models[1].name=x",
            "--set models[1].name: models[1]: models is a list of 0 here; use an index from 0 to 0"
        ),
        ("server.port", "--set: \"server.port\" is not an assignment; write --set PATH=VALUE"),
        ("a[=1", "--set: \"a[\" is not a path; write one like models[0].endpoints"),
        (
            "server.port=[1",
            "--set server.port: server.port: not valid YAML: did not find expected ',' or ']'"
                + " (while parsing a flow sequence, from 1:1); quote text that holds"
                + " : # { } [ ] , & * ! | > % or @"
        ),
        (
            "server.port=",
            "--set server.port: server.port: expected a whole number from 1 to 9,"
                + " found nothing"
        ),
    ])
    func errorsNameTheOverride(assignment: String, expected: String) {
        #expect(failure("server: { port: 7 }", assignment) == expected)
    }

    @Test func environmentByPrefixAndDoubleUnderscore() throws {
        let overrides = try YAMLOverride.environment(
            [
                "MARTLET_SERVER__LISTEN": "e:5", "MARTLET_SHARED": "/elsewhere", "HOME__X": "y",
                "MARTLET_MODELS__10__NAME": "k", "MARTLET_MODELS__2__NAME": "c",
                "MARTLET_MODELS__0__INFER_TIMEOUT": "1s",
            ],
            prefix: "MARTLET_"
        )
        #expect(
            overrides.map(\.path.description) == [
                "models[0].infer_timeout", "models[2].name", "models[10].name", "server.listen",
            ]
        )
        #expect(overrides.last?.origin == "environment MARTLET_SERVER__LISTEN")
        #expect(overrides.last?.text == "e:5")
    }

    @Test(arguments: ["MARTLET_SERVER__", "MARTLET___X", "MARTLET_A____B"])
    func environmentWithAnEmptyPart(name: String) {
        #expect {
            try YAMLOverride.environment([name: "x"], prefix: "MARTLET_")
        } throws: {
            "\($0)".hasPrefix("environment \(name): a part of the path is empty")
        }
    }

    @Test func environmentKeyThatIsUnknownIsRefusedByName() throws {
        var document = try YAMLDocument("server: {}", name: "f")
        let environment = ["MARTLET_SERVER__LISTN": "x"]
        for override in try YAMLOverride.environment(environment, prefix: "MARTLET_") {
            try document.apply(override)
        }
        #expect {
            try document.root.mapping(Key.self).required(.server).mapping(ServerKey.self)
        } throws: {
            "\($0)" == """
                environment MARTLET_SERVER__LISTN: server.listn: unknown key; \
                did you mean "listen"? (known keys: listen, port)
                """
        }
    }
}
