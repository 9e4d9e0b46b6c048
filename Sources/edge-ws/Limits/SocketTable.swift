import NIOCore

/// Which user each socket has, how many sockets each user has, and how many events each socket may send.
///
/// It does no I/O: the time is a parameter. `Socket` names a socket.
struct SocketTable<Socket: Hashable> {
    enum Assignment: Equatable {
        /// The user has as many sockets as are allowed; nothing has changed.
        case full
        case unchanged
        case assigned(earlier: String?)
    }

    private let mostPerUser: Int
    /// Nil: as many as they like.
    private let eventRate: Rate?
    private var users: [Socket: String] = [:]
    private var counts: [String: Int] = [:]
    /// Of those that have sent an event.
    private var allowances: [Socket: EventAllowance] = [:]

    init(mostPerUser: Int, eventRate: Rate?) {
        self.mostPerUser = mostPerUser
        self.eventRate = eventRate
    }

    /// Users who have a socket.
    var userCount: Int { counts.count }

    func user(of socket: Socket) -> String? { users[socket] }

    /// Gives a socket its user, or another one.
    mutating func assign(_ userID: String, to socket: Socket) -> Assignment {
        let earlier = users[socket]
        if earlier == userID { return .unchanged }
        let count = counts[userID, default: 0]
        guard count < mostPerUser else { return .full }
        counts[userID] = count + 1
        users[socket] = userID
        if let earlier { discount(earlier) }
        return .assigned(earlier: earlier)
    }

    /// - Returns: the user that the socket had.
    mutating func remove(_ socket: Socket) -> String? {
        allowances[socket] = nil
        guard let userID = users.removeValue(forKey: socket) else { return nil }
        discount(userID)
        return userID
    }

    private mutating func discount(_ userID: String) {
        guard let count = counts[userID] else { return }
        counts[userID] = count > 1 ? count - 1 : nil
    }

    /// Counts one event of the socket.
    mutating func event(of socket: Socket, _ now: NIODeadline) -> EventAllowance.Verdict {
        guard let eventRate else { return .granted }
        return allowances[socket, default: EventAllowance(eventRate, now: now)].take(eventRate, now)
    }
}
