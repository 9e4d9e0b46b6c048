import ArgumentParser
import Foundation
import JSONSchema
import NIOCore

/// Checks JSON values against a schema, one a line. For development: suites of JSON Schema are run with it.
@main
struct SchemaCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema-check",
        abstract: "Checks JSON values against a JSON Schema (draft 2020-12).",
        discussion: """
            INSTANCE holds one JSON value a line. For each, a line {"valid":true} or {"valid":false,"errors":[…]} is \
            printed. Without SCHEMA and INSTANCE, each line of the standard input is {"schema":…,"instance":…}.
            Exit code: 0 all are valid, 1 some are not, 2 a schema or a line cannot be used.
            """)

    @Argument(help: "File with the schema, or - for the standard input.") var schema: String?
    @Argument(help: "File with the instances, or - for the standard input.") var instance: String?
    @Option(help: "Folder of .json files that references may lead to, each by its $id.") var resources:
        String?
    @Option(help: "URI of that folder, ended by a slash: its files are known by their paths from it as well.")
    var base: String?

    func validate() throws {
        guard (schema == nil) == (instance == nil), schema != "-" || instance != "-" else {
            throw ValidationError("name a schema and instances, of which one may be -, or neither")
        }
    }

    func run() throws {
        do {
            let documents = try loadResources()
            var allValid = true
            if let schema, let instance {
                let schema = try SchemaDocuments.schema(
                    try JSONNode(ByteBuffer(bytes: try read(schema))), with: documents)
                try eachLine(of: instance) {
                    allValid = print(schema.faults(of: try JSONNode($0))) && allValid
                }
            } else {
                try eachLine(of: "-") { line in
                    guard case .object(let pair) = try JSONNode(line), let schema = pair["schema"],
                        let instance = pair["instance"]
                    else { throw ValidationError("a line is not {\"schema\":…,\"instance\":…}") }
                    do throws(SchemaError) {
                        let schema = try SchemaDocuments.schema(schema, with: documents)
                        allValid = print(schema.faults(of: instance)) && allValid
                    } catch {
                        Swift.print("{\"error\":\(Self.quoted("\(error)"))}")
                        allValid = false
                    }
                }
            }
            if !allValid { throw ExitCode(1) }
        } catch let code as ExitCode {
            throw code
        } catch {
            FileHandle.standardError.write(Data("schema-check: \(error)\n".utf8))
            throw ExitCode(2)
        }
    }

    private func loadResources() throws -> SchemaDocuments {
        var documents = SchemaDocuments()
        guard let resources, let files = FileManager.default.enumerator(atPath: resources) else {
            return documents
        }
        for case let file as String in files where file.hasSuffix(".json") {
            let document = try JSONNode(ByteBuffer(bytes: try read("\(resources)/\(file)")))
            documents.add(document, uri: base.map { $0 + file })
        }
        return documents
    }

    private func read(_ path: String) throws -> Data {
        path == "-"
            ? FileHandle.standardInput.readDataToEndOfFile()
            : try Data(contentsOf: URL(fileURLWithPath: path))
    }

    private func eachLine(of path: String, _ body: (ByteBuffer) throws -> Void) throws {
        for line in try read(path).split(separator: UInt8(ascii: "\n")) where !line.allSatisfy({ $0 <= 0x20 })
        {
            try body(ByteBuffer(bytes: line))
        }
    }

    /// - Returns: whether there are none.
    private func print(_ faults: [SchemaFault]) -> Bool {
        let errors = faults.map {
            "{\"pointer\":\(Self.quoted($0.pointer)),\"detail\":\(Self.quoted($0.detail))}"
        }
        Swift.print(
            faults.isEmpty
                ? "{\"valid\":true}" : "{\"valid\":false,\"errors\":[\(errors.joined(separator: ","))]}")
        return faults.isEmpty
    }

    private static func quoted(_ text: String) -> String {
        String(decoding: (try? JSONEncoder().encode(text)) ?? Data("\"\"".utf8), as: UTF8.self)
    }
}
