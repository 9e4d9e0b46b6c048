import NIOCore
import RawJSON

/// Reads the settings of a process by name, checks each, and collects every mistake instead of stopping at the first.
///
/// It also records what was asked for: that record is what `--print-config`, `.env-example` and the README's table are made from
/// and checked against, so a setting cannot exist without its documentation.
public struct SettingsReader {
    /// One setting that a process reads.
    public struct Setting: Sendable, Equatable {
        public let name: String
        /// The default as it is written in a `.env` file; empty when there is none.
        public let defaultText: String
        public let help: String
        public let isSecret: Bool
        /// The text in force: the given one, else the default.
        public let text: String
        /// Whether the name stands for all that begin with it.
        public var isPrefix = false
    }

    private let value: (String) -> String?
    private let names: () -> [String]
    private let readFile: (String) throws -> String
    public private(set) var settings: [Setting] = []
    public private(set) var mistakes: [String] = []

    /// - Parameters:
    ///   - value: looks a variable up; an empty text counts as not set.
    ///   - names: the variables that there are.
    ///   - readFile: reads the file that a `NAME_FILE` variable names.
    public init(
        value: @escaping (String) -> String?,
        names: @escaping () -> [String] = { [] },
        readFile: @escaping (String) throws -> String = { try SettingsReader.contents(ofFile: $0) }
    ) {
        self.value = { name in value(name).flatMap { $0.isEmpty ? nil : $0 } }
        self.names = names
        self.readFile = readFile
    }

    /// Records a mistake that a single value does not show, such as two settings that contradict each other.
    public mutating func mistake(_ text: String) { mistakes.append(text) }

    /// Records a mistake where one of two values that belong together is given without the other.
    public mutating func expectBoth(_ name: String, _ value: String?, _ other: String, _ otherValue: String?)
    {
        if (value == nil) != (otherValue == nil) { mistake("\(name) and \(other): set both or neither") }
    }

    /// Whether a value is given that is not empty; for settings whose absence means something.
    public func isSet(_ name: String) -> Bool { value(name) != nil }

    public mutating func string(_ name: String, default defaultText: String, help: String) -> String {
        read(name, default: defaultText, help: help)
    }

    public mutating func optionalString(_ name: String, help: String) -> String? {
        let text = read(name, default: "", help: help)
        return text.isEmpty ? nil : text
    }

    /// A value that is never shown. It may also come from the file that `NAME_FILE` names (one trailing newline is dropped).
    public mutating func secret(_ name: String, help: String) -> String? {
        var text = value(name)
        if let path = value(name + "_FILE") {
            if text != nil { mistake("\(name): set together with \(name)_FILE; set one of the two") }
            do {
                text = try readFile(path)
                if text?.last?.isNewline == true { text?.removeLast() }
            } catch {
                mistake("\(name)_FILE: cannot read \(path): \(error)")
            }
        }
        settings.append(
            Setting(name: name, defaultText: "", help: help, isSecret: true, text: text ?? ""))
        return text
    }

    /// The contents of the file that is named, at most 64 KiB; nil when none is named, or it cannot be read.
    public mutating func file(_ name: String, help: String) -> String? {
        guard let path = optionalString(name, help: help) else { return nil }
        do {
            return try readFile(path)
        } catch {
            mistake("\(name): cannot read \(path): \(error)")
            return nil
        }
    }

    public mutating func integer(
        _ name: String, default defaultValue: Int, in range: ClosedRange<Int>, help: String
    ) -> Int {
        let text = read(name, default: String(defaultValue), help: help)
        guard let number = Int(text), range.contains(number) else {
            mistake("\(name): '\(text)' is not an integer from \(range.lowerBound) to \(range.upperBound)")
            return defaultValue
        }
        return number
    }

    public mutating func optionalInteger(
        _ name: String, in range: ClosedRange<Int>, help: String
    ) -> Int? {
        guard let text = optionalString(name, help: help) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            mistake("\(name): '\(text)' is not an integer from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    /// A TCP port; 0 lets the system choose a free one.
    public mutating func port(_ name: String, default defaultValue: Int, help: String) -> Int {
        integer(name, default: defaultValue, in: 0...65535, help: help)
    }

    public mutating func milliseconds(
        _ name: String, default defaultValue: Int, in range: ClosedRange<Int>, help: String
    ) -> Duration {
        .milliseconds(integer(name, default: defaultValue, in: range, help: help))
    }

    public mutating func bytes(
        _ name: String, default defaultValue: Int, in range: ClosedRange<Int>, help: String
    ) -> Int {
        integer(name, default: defaultValue, in: range, help: help)
    }

    /// A JSON array of strings, such as `["https://shop.example"]`.
    public mutating func strings(_ name: String, default defaultText: String, help: String) -> [String] {
        list(name, default: defaultText, of: "strings", help: help) { $0.string }
    }

    /// A JSON array of integers.
    public mutating func integers(_ name: String, default defaultText: String, help: String) -> [Int] {
        list(name, default: defaultText, of: "integers", help: help) { $0.integer }
    }

    /// One of a set of names; the given text is compared without regard to case.
    public mutating func choice<Value>(
        _ name: String, default defaultText: String, of choices: KeyValuePairs<String, Value>, help: String
    ) -> Value? {
        let text = read(name, default: defaultText, help: help)
        if let chosen = choices.first(where: { $0.key == text.lowercased() }) { return chosen.value }
        mistake("\(name): '\(text)' is none of \(choices.map(\.key).joined(separator: ", "))")
        return choices.first { $0.key == defaultText }?.value
    }

    /// All that is set under names with this prefix, by the rest of their names.
    public mutating func values(
        prefix: String, isSecret: (String) -> Bool, help: String
    ) -> [(name: String, value: String)] {
        settings.append(
            Setting(name: prefix, defaultText: "", help: help, isSecret: false, text: "", isPrefix: true))
        var found: [(name: String, value: String)] = []
        for name in names().sorted() where name.hasPrefix(prefix) && name.count > prefix.count {
            guard let text = value(name) else { continue }
            settings.append(
                Setting(
                    name: name, defaultText: "", help: "",
                    isSecret: isSecret(String(name.dropFirst(prefix.count))),
                    text: text))
            found.append((String(name.dropFirst(prefix.count)), text))
        }
        return found
    }

    private mutating func list<Item>(
        _ name: String, default defaultText: String, of kind: String, help: String,
        item: (JSONValue) -> Item?
    ) -> [Item] {
        let text = read(name, default: defaultText, help: help)
        guard let values = try? RawJSON.array(ByteBuffer(string: text)) else {
            mistake("\(name): '\(text)' is not a JSON array of \(kind)")
            return []
        }
        let items = values.compactMap(item)
        if items.count < values.count { mistake("\(name): '\(text)' is not a JSON array of \(kind)") }
        return items
    }

    private mutating func read(_ name: String, default defaultText: String, help: String) -> String {
        let text = value(name) ?? defaultText
        settings.append(
            Setting(name: name, defaultText: defaultText, help: help, isSecret: false, text: text))
        return text
    }
}
