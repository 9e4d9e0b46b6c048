import Foundation

/// Regular expressions of schemas: ECMA-262 with its flag `u`, as far as Foundation's differ from it.
enum Pattern {
    /// Nil when the text is no regular expression.
    static func compile(_ text: String) -> NSRegularExpression? {
        try? NSRegularExpression(pattern: translated(text))
    }

    /// How often the matching of one instance may report progress, which it does after some thousand steps: a fraction
    /// of a second. Some expressions take exponential time.
    static let maxProgress = 200

    /// Nil when it has not ended in time.
    ///
    /// - Parameter left: how often it may still report progress.
    static func matches(_ expression: NSRegularExpression, _ text: String, left: inout Int) -> Bool? {
        var isFound = false
        var reports = 0
        let most = left
        let range = NSRange(location: 0, length: text.utf16.count)
        expression.enumerateMatches(in: text, options: .reportProgress, range: range) { match, _, stop in
            if match == nil { reports += 1 } else { isFound = true }
            if isFound || reports > most { stop.pointee = true }
        }
        left = max(0, left - reports)
        return isFound ? true : reports > most ? nil : false
    }

    /// White space and line ends of ECMA-262, within a class.
    private static let space =
        "\\t-\\r \\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000\\uFEFF"

    /// In ECMA-262 `\d` and `\w` are ASCII, and `$` is the very end.
    private static func translated(_ text: String) -> String {
        var result = ""
        var isInClass = false
        var characters = text.unicodeScalars.makeIterator()
        while let character = characters.next() {
            switch character {
            case "\\":
                guard let escaped = characters.next() else { return text }
                switch escaped {
                case "d": result += isInClass ? "0-9" : "[0-9]"
                case "D": result += "[^0-9]"
                case "w": result += isInClass ? "A-Za-z0-9_" : "[A-Za-z0-9_]"
                case "s": result += isInClass ? space : "[\(space)]"
                case "S": result += "[^\(space)]"
                case "W": result += "[^A-Za-z0-9_]"
                default:
                    result.unicodeScalars.append(character)
                    result.unicodeScalars.append(escaped)
                }
            case "$" where !isInClass: result += "\\z"
            case "[" where isInClass: result += "\\["
            case "[":
                isInClass = true
                result += "["
            case "]":
                isInClass = false
                result += "]"
            // Sets have no operators in ECMA-262.
            case "&" where isInClass: result += "\\&"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
