/// The issuers whose cards people pay with, by the first digits and the lengths of their numbers (ISO/IEC 7812-1).
///
/// One number in ten passes Luhn's test by chance; first digits and length keep most ids and all timestamps apart from
/// card numbers. UATP's cards (15 digits, first a 1) are left out for that reason.
struct CardIssuer {
    /// Inclusive, all of `prefixLength` digits.
    let prefixes: ClosedRange<Int>
    let prefixLength: Int
    let lengths: ClosedRange<Int>

    private init(_ prefixes: ClosedRange<Int>, _ prefixLength: Int, _ lengths: ClosedRange<Int>) {
        self.prefixes = prefixes
        self.prefixLength = prefixLength
        self.lengths = lengths
    }

    static let known = [
        // Visa.
        CardIssuer(4...4, 1, 13...13), CardIssuer(4...4, 1, 16...16), CardIssuer(4...4, 1, 18...19),
        // Mastercard.
        CardIssuer(51...55, 2, 16...16), CardIssuer(2221...2720, 4, 16...16),
        // American Express.
        CardIssuer(34...34, 2, 15...15), CardIssuer(37...37, 2, 15...15),
        // Diners Club.
        CardIssuer(300...305, 3, 14...19), CardIssuer(3095...3095, 4, 14...19),
        CardIssuer(36...36, 2, 14...19), CardIssuer(38...39, 2, 14...19),
        // Discover, JCB, UnionPay.
        CardIssuer(6011...6011, 4, 16...19), CardIssuer(644...659, 3, 16...19),
        CardIssuer(3528...3589, 4, 16...19), CardIssuer(620...629, 3, 16...19),
        CardIssuer(810...817, 3, 16...19),
        // Maestro.
        CardIssuer(5018...5018, 4, 13...19), CardIssuer(5020...5020, 4, 13...19),
        CardIssuer(5038...5038, 4, 13...19), CardIssuer(5893...5893, 4, 13...19),
        CardIssuer(6304...6304, 4, 13...19), CardIssuer(6759...6759, 4, 13...19),
        CardIssuer(6761...6763, 4, 13...19),
        // Verve, RuPay, Mir, Troy.
        CardIssuer(506...508, 3, 16...19), CardIssuer(60...60, 2, 16...16), CardIssuer(82...82, 2, 16...16),
        CardIssuer(2200...2204, 4, 16...19), CardIssuer(9792...9792, 4, 16...16),
    ]

    func issues(_ digits: [UInt8]) -> Bool {
        guard lengths.contains(digits.count) else { return false }
        return prefixes.contains(digits.prefix(prefixLength).reduce(0) { $0 * 10 + Int($1) })
    }
}
