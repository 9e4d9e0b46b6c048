import Crypto
public import NIOCore

/// SHA-256 (FIPS 180-4) in hexadecimal digits, for keys in Redis.
public enum Digest {
    public static func text(of bytes: ByteBuffer) -> String {
        var digest = SHA256()
        bytes.withUnsafeReadableBytes { digest.update(bufferPointer: $0) }
        return digits(digest.finalize())
    }

    /// Of several texts, with their lengths, so that no two lists run into the same bytes.
    public static func text(of parts: [String]) -> String {
        var digest = SHA256()
        for part in parts {
            withUnsafeBytes(of: UInt64(part.utf8.count).bigEndian) { digest.update(bufferPointer: $0) }
            digest.update(data: Array(part.utf8))
        }
        return digits(digest.finalize())
    }

    private static func digits(_ digest: SHA256Digest) -> String {
        digest.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
    }
}
