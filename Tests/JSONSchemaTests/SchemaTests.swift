import NIOCore
import Testing

@testable import JSONSchema

@Suite struct SchemaTests {
    private func node(_ text: String) throws -> JSONNode {
        try JSONNode(ByteBuffer(string: text), maxDepth: 1000)
    }

    private func faults(_ schema: String, _ instance: String) throws -> [String] {
        try SchemaDocuments.schema(try node(schema)).faults(of: try node(instance)).map {
            "\($0.pointer) \($0.detail)"
        }
    }

    private static let payment = """
        {"type":"object","required":["amount","currency"],"additionalProperties":false,
         "properties":{"amount":{"type":"integer","minimum":1},"currency":{"enum":["eur","usd"]},
         "items":{"type":"array","maxItems":2,"uniqueItems":true,"items":{"$ref":"#/$defs/item"}},
         "email":{"type":"string","format":"email","maxLength":20}},
         "$defs":{"item":{"type":"object","properties":{"a/b":{"type":"string","pattern":"^x+$"}},"required":["a/b"]}}}
        """

    static let instances: [(String, [String])] = [
        (#"{"amount":10,"currency":"eur","items":[{"a/b":"xx"}]}"#, []),
        (#"{"amount":10.0,"currency":"usd"}"#, []),
        ("[]", [" must be an object"]),
        ("{}", ["/amount is required", "/currency is required"]),
        (
            #"{"amount":1.5,"currency":"xyz","more":1}"#,
            [
                "/amount must be an integer",
                "/currency must be one of the 2 allowed values: \"eur\", \"usd\"", "/more is not allowed",
            ]
        ),
        (#"{"amount":0,"currency":"eur"}"#, ["/amount must be 1 or more"]),
        (
            #"{"amount":1,"currency":"eur","items":[{"a/b":"y"},{},3]}"#,
            [
                "/items must have at most 2 items", "/items/0/a~1b must match the pattern ^x+$",
                "/items/1/a~1b is required", "/items/2 must be an object",
            ]
        ),
        (
            #"{"amount":1,"currency":"eur","items":[{"a/b":"x"},{"a/b":"x"}]}"#,
            ["/items must not have equal items"]
        ),
        (#"{"amount":1,"currency":"eur","email":"nobody"}"#, ["/email must be a valid email"]),
        (
            #"{"amount":1,"currency":"eur","email":"nobody@example.com.example"}"#,
            ["/email must have at most 20 characters"]
        ),
    ]

    @Test(arguments: instances)
    func tellsEveryFaultWithItsPointer(_ instance: String, _ expected: [String]) throws {
        #expect(try faults(Self.payment, instance) == expected)
    }

    @Test func ofSeveralFormsTheNearestIsTold() throws {
        let schema = #"{"anyOf":[{"type":"object","required":["a","b"]},{"type":"object","required":["c"]}]}"#
        #expect(
            try faults(schema, "{}") == [" matches none of the 2 forms that are allowed", "/c is required"])
        let exclusive = #"{"oneOf":[{"minimum":1},{"maximum":5}]}"#
        #expect(try faults(exclusive, "3") == [" matches more than one of the forms that exclude each other"])
        #expect(try faults(exclusive, "7") == [])
        #expect(try faults(#"{"not":{"type":"null"}}"#, "null") == [" has a form that is not allowed"])
    }

    @Test func conditionsAndDependencies() throws {
        let schema = """
            {"if":{"properties":{"kind":{"const":"card"}},"required":["kind"]},"then":{"required":["number"]},
             "else":{"required":["iban"]},"dependentRequired":{"a":["b"]},"dependentSchemas":{"c":{"maxProperties":2}}}
            """
        #expect(try faults(schema, #"{"kind":"card"}"#) == ["/number is required"])
        #expect(try faults(schema, #"{"iban":1,"a":1}"#) == ["/b is required"])
        #expect(try faults(schema, #"{"iban":1,"c":1,"d":1}"#) == [" must have at most 2 members"])
    }

    @Test func whatNothingHasLookedAt() throws {
        let schema = """
            {"allOf":[{"properties":{"a":true}}],"anyOf":[{"properties":{"b":{"const":1}},"required":["b"]},true],
             "unevaluatedProperties":false}
            """
        #expect(try faults(schema, #"{"a":1,"b":1}"#) == [])
        #expect(try faults(schema, #"{"a":1,"b":2}"#) == ["/b is not allowed"])
        let items = #"{"prefixItems":[true],"contains":{"const":"x"},"unevaluatedItems":false}"#
        #expect(try faults(items, #"[1,"x"]"#) == [])
        #expect(try faults(items, #"[1,"x",2]"#) == ["/2 is not allowed"])
    }

    @Test func aReferenceMayLeadToItself() throws {
        let tree = ##"{"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false}"##
        #expect(try faults(tree, #"{"next":{"next":{"x":1}}}"#) == ["/next/next/x is not allowed"])
        #expect(try faults(##"{"$ref":"#"}"##, "1") == [" is nested too deeply for its schema"])
    }

    @Test func theWorkForOneInstanceIsBounded() throws {
        let schema = ##"{"anyOf":[{"items":{"$ref":"#"},"minItems":1},{"items":{"$ref":"#"},"minItems":1}]}"##
        let instance = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        let faults = try SchemaDocuments.schema(try node(schema)).faults(
            of: try node(instance), maxSteps: 1000)
        #expect(faults.contains { $0.detail == "is too large for its schema" })
    }

    @Test(arguments: [
        ##"{"not":{"$ref":"#"}}"##, ##"{"if":{"$ref":"#"},"then":true,"else":true}"##,
        ##"{"oneOf":[true,{"$ref":"#"}]}"##,
    ])
    func whatIsGivenUpIsInvalidInAnyForm(schema: String) throws {
        #expect(try faults(schema, "1").last == " is nested too deeply for its schema")
    }

    @Test(arguments: [#"{"not":{"pattern":"^(a+)+$"}}"#, #"{"patternProperties":{"^(a+)+$":true}}"#])
    func theTimeForPatternsIsBounded(schema: String) throws {
        let text = String(repeating: "a", count: 60) + "!"
        let instance = schema.contains("not") ? "\"\(text)\"" : "{\"\(text)\":1}"
        #expect(try faults(schema, instance) == [" takes too long to match the patterns of its schema"])
        #expect(try faults(schema, instance.replacing("!", with: "")).isEmpty == !schema.contains("not"))
    }

    @Test func faultsAreBounded() throws {
        let many = "[" + Array(repeating: "1", count: 1000).joined(separator: ",") + "]"
        #expect(try faults(#"{"items":{"type":"string"}}"#, many).count == Schema.maxFaults)
    }

    static let wrong: [(String, String)] = [
        ("1", "a schema is an object or a boolean"), (#"{"type":"text"}"#, "type is one or more of"),
        (#"{"type":[]}"#, "type is one or more of"), (#"{"minimum":"1"}"#, "minimum is a number"),
        (#"{"maxLength":-1}"#, "maxLength is a whole number"),
        (#"{"required":"a"}"#, "required is an array of strings"),
        (#"{"properties":[]}"#, "properties is an object of schemas"),
        (#"{"allOf":[]}"#, "allOf is an array"),
        (#"{"properties":{"a":{"pattern":"("}}}"#, "/properties/a: '(' is no regular expression"),
        (##"{"$ref":"#/$defs/none"}"##, "'#/$defs/none' leads nowhere"),
        (#"{"multipleOf":0}"#, "multipleOf is"),
        (#"{"$ref":"https://elsewhere.example/schema"}"#, "leads nowhere"),
        (#"{"enum":1}"#, "enum is an array"),
        (#"{"uniqueItems":1}"#, "uniqueItems is a boolean"), (#"{"format":1}"#, "format is a string"),
    ]

    @Test(arguments: wrong)
    func refusesWhatIsNoSchema(_ schema: String, _ reason: String) throws {
        let node = try node(schema)
        let error = #expect(throws: SchemaError.self) { try SchemaDocuments.schema(node) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    @Test func findsSchemasWithinADocument() throws {
        var documents = SchemaDocuments()
        documents.add(
            try node(
                ##"{"paths":{"/a":{"schema":{"$ref":"#/components/schemas/A"}}},"components":{"schemas":{"A":{"type":"null"}}}}"##
            ),
            uri: "file:///openapi")
        let schema = try documents.schema(in: "file:///openapi", at: ["paths", "/a", "schema"])
        #expect(schema.faults(of: .bool(true)).map(\.detail) == ["must be null"])
        #expect(throws: SchemaError.self) {
            try documents.schema(in: "file:///openapi", at: ["paths", "/b"])
        }
    }
}
