import Shared
import Testing

@Suite struct EnvironmentFileTests {
    @Test func readsWhatDotenvFilesHold() {
        let (values, mistakes) = EnvironmentFile.parse(
            """
            # a comment
            PLAIN=value
              SPACED  =  some words  # and a comment
            export EXPORTED=1
            EMPTY=
            URL=http://host/#fragment
            EQUALS=a=b=c
            SINGLE='literal $x \\n # kept'
            DOUBLE="line\\nquote \\" done" # comment
            LIST=["https://a.example","https://b.example"]
            PLAIN=last wins\r
            """)
        #expect(mistakes.isEmpty)
        #expect(
            values == [
                "PLAIN": "last wins", "SPACED": "some words", "EXPORTED": "1", "EMPTY": "",
                "URL": "http://host/#fragment", "EQUALS": "a=b=c", "SINGLE": "literal $x \\n # kept",
                "DOUBLE": "line\nquote \" done",
                "LIST": "[\"https://a.example\",\"https://b.example\"]",
            ])
    }

    @Test(arguments: [
        ("JUST_A_NAME", "has no '='"), ("=value", "'' is no variable name"),
        ("1ST=x", "'1ST' is no variable name"), ("A B=x", "'A B' is no variable name"),
        ("Q=\"open", "lacks the closing quote"), ("Q='a' b", "has text after the closing quote"),
    ])
    func namesTheLineOfAMistake(line: String, reason: String) {
        let (values, mistakes) = EnvironmentFile.parse("GOOD=1\n\(line)\n")
        #expect(values == ["GOOD": "1"])
        #expect(mistakes.map(\.description) == ["line 2: \(reason)"])
    }
}
