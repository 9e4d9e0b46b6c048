import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Random numbers of the kernel, taken many at a time: a system call for each takes longer than all else about an id.
enum RandomWords {
    /// As many as one call of getentropy(3) gives.
    private static let count = 32
    private static let unused = Mutex<[UInt64]>([])

    static func pair() -> (UInt64, UInt64) {
        unused.withLock { words in
            if words.count < 2 { words = fetch() }
            return (words.removeLast(), words.removeLast())
        }
    }

    private static func fetch() -> [UInt64] {
        var words = Array(repeating: UInt64(0), count: count)
        let result = words.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) }
        precondition(result == 0, "the kernel has no random numbers")
        return words
    }
}
