/// The first byte of a UTF-8 sequence of several bytes (RFC 3629, §4): how many follow, and what the next of them may be,
/// so that there are no surrogates, no overlong forms, and nothing above U+10FFFF.
public struct UTF8Lead {
    public let following: UInt8
    public let next: ClosedRange<UInt8>

    /// Nil when no sequence begins with this byte.
    @inlinable
    public init?(_ byte: UInt8) {
        switch byte {
        case 0xC2...0xDF: (following, next) = (1, 0x80...0xBF)
        case 0xE0: (following, next) = (2, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE, 0xEF: (following, next) = (2, 0x80...0xBF)
        case 0xED: (following, next) = (2, 0x80...0x9F)
        case 0xF0: (following, next) = (3, 0x90...0xBF)
        case 0xF1...0xF3: (following, next) = (3, 0x80...0xBF)
        case 0xF4: (following, next) = (3, 0x80...0x8F)
        default: return nil
        }
    }
}
