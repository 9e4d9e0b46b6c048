import NIOCore
import RawJSON

/// What ActiveCampaign has answered, or that it has not.
enum CallResult: Equatable, Sendable {
    /// `retryAfter` is what the field of this name says.
    case answer(status: Int, retryAfter: Duration?, body: ByteBuffer)
    case noAnswer(reason: String)
}

/// What comes of one call, and of a job whose call has failed. Pure.
struct DeliveryPolicy: Sendable {
    enum Verdict: Equatable {
        case accepted(ByteBuffer)
        /// Worth another attempt, not before `after` where ActiveCampaign has named a time.
        case failed(reason: String, after: Duration?)
        /// The same call will fail again.
        case refused(reason: String)
    }

    enum Next: Equatable {
        case retry(after: Duration)
        case deadLetter
    }

    /// Attempts in all.
    let attempts: Int
    var firstPause = Duration.seconds(1)
    var longestPause = Duration.seconds(600)

    static func verdict(_ result: CallResult) -> Verdict {
        switch result {
        case .noAnswer(let reason): return .failed(reason: reason, after: nil)
        case .answer(let status, let retryAfter, let body):
            switch status {
            case 200...299:
                return hasSucceeded(body)
                    ? .accepted(body) : .failed(reason: "status \(status) with success: 0", after: retryAfter)
            // 401 and 403 are about the key, not about the contact, and a key may be put right.
            case 401, 403, 408, 429, 500...599: return .failed(reason: "status \(status)", after: retryAfter)
            default: return .refused(reason: "status \(status)" + (code(in: body).map { ": \($0)" } ?? ""))
            }
        }
    }

    /// Some of ActiveCampaign's answers are 200 with `success: 0` where the call has failed.
    private static func hasSucceeded(_ body: ByteBuffer) -> Bool {
        guard let success = (try? RawJSON.object(body))?["success"] else { return true }
        return success.integer != 0 && success.bool != false && success.string != "0"
    }

    /// The code of the first error, such as `email_invalid`; never a text, which could quote the contact.
    private static func code(in body: ByteBuffer) -> String? {
        guard let errors = (try? RawJSON.object(body))?["errors"],
            let first = (try? RawJSON.array(errors.text))?.first,
            let code = (try? RawJSON.object(first.text))?["code"]?.string, (1...64).contains(code.utf8.count),
            code.utf8.allSatisfy({ (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "_") })
        else { return nil }
        return code
    }

    /// - Parameters:
    ///   - attempt: the one that has failed, from 1.
    ///   - random: from 0 to 1; what failed together does not come back together.
    func next(after attempt: Int, notBefore: Duration?, random: Double) -> Next {
        guard attempt < attempts else { return .deadLetter }
        let pause = min(longestPause, firstPause * (1 << min(attempt - 1, 20)))
        return .retry(after: max(pause * (0.5 + random / 2), notBefore ?? .zero))
    }
}
