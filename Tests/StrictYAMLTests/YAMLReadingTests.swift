internal import StrictYAML
internal import Testing

private enum ModelKey: String, CaseIterable {
    case name, endpoints
    case inferTimeout = "infer_timeout"
    case weight, share, enabled, policy
}

private enum RootKey: String, CaseIterable {
    case models
}

private enum Policy: String, CaseIterable {
    case carried, resident, window
}

/// Reads a model from one line or more of YAML as a configuration would, and says what failed.
private func message(
    _ text: String,
    _ read: (YAMLMapping<ModelKey>) throws(YAMLError) -> Void = { _ in }
) -> String {
    do throws(YAMLError) {
        let document = try YAMLDocument(text, name: "martlet.yaml")
        let models = try document.root.mapping(RootKey.self).required(.models).list(count: 1...4)
        try read(try models[0].mapping(ModelKey.self))
        return "no error"
    } catch {
        return error.description
    }
}

@Suite struct YAMLReadingTests {
    @Test func readsEveryType() throws {
        let text = """
            models:
              - name: no          # the Norway problem: text is text
                endpoints: ["a:1", 'b:2']
                infer_timeout: 250ms
                weight: -12
                share: 2.5e-1
                enabled: true
                policy: resident
            """
        let root = try YAMLDocument(text, name: "f").root.mapping(RootKey.self)
        let model = try root.required(.models).list(count: 1...1)[0].mapping(ModelKey.self)
        #expect(try model.required(.name).string() == "no")
        let endpoints = try model.required(.endpoints).list(count: 1...64)
        #expect(try endpoints.map { try $0.string() } == ["a:1", "b:2"])
        #expect(
            try model.required(.inferTimeout).duration(in: .zero ... .seconds(60))
                == .milliseconds(250)
        )
        #expect(try model.required(.weight).int(in: -20...20) == -12)
        #expect(try model.required(.share).double(in: 0...1) == 0.25)
        #expect(try model.required(.enabled).bool())
        #expect(try model.required(.policy).choice(of: Policy.self) == .resident)
    }

    @Test func optionalKeysMayBeMissing() throws {
        let value = try YAMLDocument("{}", name: "f").root.mapping(RootKey.self)
        #expect(value.optional(.models) == nil)
    }

    @Test func unknownKeyIsNamedWithPlacePathAndSuggestion() {
        #expect(
            message("models:\n  - name: x\n    endpoint: []")
                == """
                martlet.yaml:3:5: models[0].endpoint: unknown key; did you mean "endpoints"? \
                (known keys: name, endpoints, infer_timeout, weight, share, enabled, policy)
                """
        )
        #expect(
            message("models: [ { zzzzzzzz: 1 } ]")
                == """
                martlet.yaml:1:13: models[0].zzzzzzzz: unknown key; remove it \
                (known keys: name, endpoints, infer_timeout, weight, share, enabled, policy)
                """
        )
    }

    @Test func duplicateKeyIsRefused() {
        #expect(
            message("models:\n  - name: x\n    name: y")
                == "martlet.yaml:2:5: name: the key is given more than once in one mapping; keep one"
        )
    }

    @Test func missingKeyIsNamed() {
        #expect(
            message("models: [ { weight: 1 } ]") { model throws(YAMLError) in
                _ = try model.required(.name)
            } == "martlet.yaml:1:11: models[0].name: missing; this key is required"
        )
    }

    @Test(arguments: [
        ("abc", "expected a whole number from 1 to 64, found \"abc\""),
        ("0", "expected a whole number from 1 to 64, found \"0\""),
        ("65", "expected a whole number from 1 to 64, found \"65\""),
        ("1.0", "expected a whole number from 1 to 64, found \"1.0\""),
        (
            "99999999999999999999",
            "expected a whole number from 1 to 64, found \"99999999999999999999\""
        ),
        (
            "\"4\"",
            "expected a whole number from 1 to 64, found the text \"4\"; remove the quotes"
        ),
        ("[4]", "expected a whole number from 1 to 64, found a list"),
        ("{a: 4}", "expected a whole number from 1 to 64, found a mapping"),
        ("~", "expected a whole number from 1 to 64, found nothing"),
        ("", "expected a whole number from 1 to 64, found nothing"),
    ])
    func wholeNumbers(written: String, problem: String) {
        let got = message("models:\n- weight: \(written)") { model throws(YAMLError) in
            _ = try model.required(.weight).int(in: 1...64)
        }
        #expect(got.hasSuffix(": models[0].weight: \(problem)"), "\(got)")
        #expect(got.hasPrefix("martlet.yaml:2:"))
    }

    @Test(arguments: ["inf", ".inf", "nan", ".nan", "0x1p1", "1e999", "x", "2", "\"0.5\"", "1.2.3"])
    func numbersOutsideTheRangeOrNotDecimal(written: String) {
        let got = message("models:\n- share: \(written)") { model throws(YAMLError) in
            _ = try model.required(.share).double(in: 0...1)
        }
        #expect(got.contains("models[0].share: expected a number from 0.0 to 1.0, found"), "\(got)")
    }

    @Test(arguments: ["yes", "True", "on", "1", "\"true\"", "[]"])
    func otherSpellingsOfTruth(written: String) {
        let got = message("models:\n- enabled: \(written)") { model throws(YAMLError) in
            _ = try model.required(.enabled).bool()
        }
        #expect(got.contains("models[0].enabled: expected true or false, found"), "\(got)")
    }

    @Test func unknownWordListsTheKnown() {
        let got = message("models:\n- policy: residant") { model throws(YAMLError) in
            _ = try model.required(.policy).choice(of: Policy.self)
        }
        #expect(
            got == """
                martlet.yaml:2:11: models[0].policy: "residant" is unknown; \
                did you mean "resident"? (known: carried, resident, window)
                """
        )
    }

    @Test func listsAndTextsAreBounded() {
        #expect(
            message("models: []")
                == "martlet.yaml:1:9: models: a list of 0; expected 1 to 4 elements"
        )
        #expect(
            message("models: {}") == "martlet.yaml:1:9: models: expected a list, found a mapping"
        )
        #expect(
            message("models:\n- name: ''") { model throws(YAMLError) in
                _ = try model.required(.name).string()
            } == "martlet.yaml:2:9: models[0].name: empty text; give a value"
        )
        #expect(
            message("models:\n- name: abcd") { model throws(YAMLError) in
                _ = try model.required(.name).string(byteCount: 1...3)
            } == "martlet.yaml:2:9: models[0].name: a text of 4 bytes; expected 1 to 3 bytes"
        )
    }

    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("1.5s", .milliseconds(1500)),
        ("0.1s", .milliseconds(100)), ("2m", .seconds(120)), ("4h", .seconds(14_400)),
        ("30", .seconds(30)), ("0.5", .milliseconds(500)), ("500us", .microseconds(500)),
        ("0", .zero),
    ])
    func durations(written: String, duration: Duration) throws {
        #expect(Duration(written: written) == duration)
        #expect(Duration(written: duration.written) == duration)
    }

    @Test(arguments: [
        "", "s", "-1s", "1.s", ".5s", "1..5s", "1,5s", "1 s", "1d", "1e3s", "1.0000001s", "٣s",
        "99999999999999999999s", "9223372036854775807h", "9223372036.9s0",
    ])
    func notDurations(written: String) {
        #expect(Duration(written: written) == nil)
    }

    @Test func durationErrorShowsRangeAndForms() {
        #expect(
            message("models:\n- infer_timeout: 2x") { model throws(YAMLError) in
                _ = try model.required(.inferTimeout).duration(
                    in: .milliseconds(10) ... .seconds(60)
                )
            } == """
                martlet.yaml:2:18: models[0].infer_timeout: expected a duration from 10ms to 1m \
                (such as 250ms, 1.5s, 2m, 4h), found "2x"
                """
        )
    }
}
