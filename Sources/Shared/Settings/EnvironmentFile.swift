/// Reads the `.env` format as the dotenv packages of Node.js and Ruby do: `NAME=value` lines, `#` comments, an optional `export`,
/// single quotes (literal) and double quotes (`\n`, `\"`, `\\` are decoded). A quoted value ends on its own line.
public enum EnvironmentFile {
    /// A line that is neither empty, nor a comment, nor an assignment.
    public struct Mistake: Error, Equatable, CustomStringConvertible {
        public let line: Int
        public let reason: String

        public var description: String { "line \(line): \(reason)" }
    }

    /// Parses the whole text; of names given twice the last counts.
    ///
    /// - Returns: the values, and every mistake with its line number, counted from 1.
    public static func parse(_ text: String) -> (values: [String: String], mistakes: [Mistake]) {
        var values: [String: String] = [:]
        var mistakes: [Mistake] = []
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        for (index, line) in lines.enumerated() {
            do throws(Mistake) {
                guard let (name, value) = try assignment(trim(line), line: index + 1) else { continue }
                values[name] = value
            } catch {
                mistakes.append(error)
            }
        }
        return (values, mistakes)
    }

    private static func assignment(
        _ line: Substring, line number: Int
    ) throws(Mistake) -> (String, String)? {
        guard let first = line.first, first != "#" else { return nil }
        var line = line
        if line.hasPrefix("export ") { line = trim(line.dropFirst("export ".count)) }
        guard let equals = line.firstIndex(of: "=") else {
            throw Mistake(line: number, reason: "has no '='")
        }
        let name = trim(line[..<equals])
        guard let initial = name.first, !initial.isNumber,
            name.allSatisfy({ $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber)) })
        else {
            throw Mistake(line: number, reason: "'\(name)' is no variable name")
        }
        return (String(name), try value(trim(line[line.index(after: equals)...]), line: number))
    }

    private static func value(_ text: Substring, line: Int) throws(Mistake) -> String {
        guard let quote = text.first, quote == "\"" || quote == "'" else {
            return String(trim(withoutComment(text)))
        }
        var decoded = ""
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            if character == quote {
                guard trim(withoutComment(rest)).isEmpty else {
                    throw Mistake(line: line, reason: "has text after the closing quote")
                }
                return decoded
            }
            guard quote == "\"", character == "\\", let escaped = rest.popFirst() else {
                decoded.append(character)
                continue
            }
            switch escaped {
            case "n": decoded.append("\n")
            case "\"", "\\", "$": decoded.append(escaped)
            default: decoded += ["\\", escaped]
            }
        }
        throw Mistake(line: line, reason: "lacks the closing quote")
    }

    /// A `#` begins a comment only at the start or after white space, so that `http://host/#x` stays whole.
    private static func withoutComment(_ text: Substring) -> Substring {
        var previous: Character = " "
        for index in text.indices {
            if text[index] == "#", previous.isWhitespace { return text[..<index] }
            previous = text[index]
        }
        return text
    }

    private static func trim(_ text: Substring) -> Substring {
        guard let first = text.firstIndex(where: { !$0.isWhitespace }),
            let last = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return text[first...last]
    }
}
