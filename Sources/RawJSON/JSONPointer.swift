/// JSON Pointers (RFC 6901).
public enum JSONPointer {
    /// The pointer of decoded tokens.
    public static func text(_ tokens: some Sequence<String>) -> String {
        tokens.map { "/" + $0.replacing("~", with: "~0").replacing("/", with: "~1") }.joined()
    }

    /// The decoded tokens; nil when the text is no pointer.
    public static func tokens(_ text: String) -> [String]? {
        guard !text.isEmpty else { return [] }
        guard text.hasPrefix("/") else { return nil }
        return text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            .map { String($0).replacing("~1", with: "/").replacing("~0", with: "~") }
    }
}
