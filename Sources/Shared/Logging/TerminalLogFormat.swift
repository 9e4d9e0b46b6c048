import Logging

/// For a person at a terminal: time, level, message, fields.
struct TerminalLogFormat: LogFormat {
    let isColoured: Bool

    func line(_ event: LogEvent, _ fields: [(key: String, value: Logger.MetadataValue)]) -> String {
        let clock = Timestamp.now().dropFirst(11).dropLast()
        let level = event.level.rawValue.uppercased()
        let padding = String(repeating: " ", count: max(0, 8 - level.count))
        let message = Self.visible(event.message.description)
        let text = fields.map { " \($0.key)=\(Self.visible($0.value.description))" }.joined()
        return
            "\(clock) \(painted(level, Self.colour(of: event.level)))\(padding) \(message)\(painted(text, 2))"
    }

    /// By SGR (ECMA-48 §8.3.117).
    private func painted(_ text: String, _ code: Int) -> String {
        isColoured && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }

    /// What others sent must not command the terminal.
    private static func visible(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return text.unicodeScalars.map { isControl($0) ? $0.escaped(asASCII: true) : String($0) }.joined()
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control
    }

    private static func colour(of level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 2
        case .info: 32
        case .notice: 36
        case .warning: 33
        case .error, .critical: 31
        }
    }
}
