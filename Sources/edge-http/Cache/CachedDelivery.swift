import HTTPTypes
import NIOCore
import Operations
import ResponseCache
import Shared

/// What a call has to do with cached answers.
enum OperationCaching: Sendable, Equatable {
    /// It may change what they are about.
    case changes
    /// Its own answer is kept.
    case reads(key: String, CacheDirectives)
    /// It changes nothing, and its answer is not kept.
    case passes

    /// Every operation that is not marked as cacheable may change something. Answers to a key have a record of their own,
    /// and card data is kept nowhere.
    init(_ route: Route, caller: String, body: ByteBuffer, hasKey: Bool, _ headers: HTTPFields) {
        guard route.isCacheable else {
            self = .changes
            return
        }
        guard !hasKey, !route.allowsCardData else {
            self = .passes
            return
        }
        self = .reads(
            key: ResponseCache.key(caller: caller, method: route.method, path: route.path, body: body),
            CacheDirectives(headers[.cacheControl]))
    }
}

/// Answers calls from the cache where it can, keeps their answers, and puts those out of date that others change.
struct CachedDelivery: Sendable {
    let delivery: OperationDelivery
    /// Nil: there is no cache.
    let cache: ResponseCache?

    /// - Returns: the status is nil where the cache has no part in the answer.
    func answer(_ call: OperationCall) async throws(Problem) -> (OperationAnswer, CacheStatus?) {
        switch (cache, call.caching) {
        case (nil, _), (_, .passes): (try await delivery.answer(call), nil)
        case (let cache?, .changes): (try await change(call, cache), nil)
        case (let cache?, .reads(let key, let directives)): try await read(call, cache, key, directives)
        }
    }

    private func read(
        _ call: OperationCall, _ cache: ResponseCache, _ key: String, _ directives: CacheDirectives
    ) async throws(Problem) -> (OperationAnswer, CacheStatus?) {
        guard !directives.noStore else { return (try await delivery.answer(call), .forward(.bypass)) }
        let found = await cache.find(key)
        let status = CacheStatus(found, directives, lifetime: cache.lifetime)
        if case .hit = status, case .fresh(let answer, let age, _) = found {
            return (.cached(answer, age: age), status)
        }
        let answer = try await delivery.answer(call)
        if let at = found.time, case .final(let final, isReplayed: false) = answer,
            final.status == call.head.successStatus
        {
            cache.store(
                final, for: key, since: at, about: .ofAnswer(request: call.request.body, answer: final.body))
        }
        return (answer, status)
    }

    /// Whoever has the answer must not find afterwards what was before.
    private func change(_ call: OperationCall, _ cache: ResponseCache) async throws(Problem)
        -> OperationAnswer
    {
        do throws(Problem) {
            let answer = try await delivery.answer(call)
            if case .final(let final, _) = answer {
                await cache.noteChange(by: call.request, answered: final.body)
            } else {
                await cache.noteChange(thatMayFollow: call.request)
            }
            return answer
        } catch {
            if error.outcome != .notSent { await cache.noteChange(thatMayFollow: call.request) }
            throw error
        }
    }
}

extension ResponseCache.Found {
    fileprivate var time: Int64? {
        switch self {
        case .fresh(_, _, let at), .nothing(let at, _): at
        case .unavailable: nil
        }
    }
}
