import NIOCore

#if canImport(Glibc)
    import Glibc
#endif

/// Why the bridge's socket cannot be set up.
public struct BridgeSocketError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ what: String, errno code: Int32 = errno) {
        description = "\(what): \(String(cString: strerror(code)))"
    }
}

/// The socket's place in the file system: its directory (0750), its mode (0660), and whose it is.
enum BridgeSocketFile {
    /// Which file a path names; another bridge that took the path over has another.
    struct Identity: Equatable {
        let device: UInt
        let inode: UInt
    }

    static func identity(of path: String) -> Identity? {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        return Identity(device: UInt(info.st_dev), inode: UInt(info.st_ino))
    }

    static func makeDirectory(for path: String) throws(BridgeSocketError) {
        let directory = path.split(separator: "/").dropLast().joined(separator: "/")
        guard path.hasPrefix("/"), !directory.isEmpty else { return }
        if mkdir("/" + directory, 0o750) != 0, errno != EEXIST {
            throw BridgeSocketError("cannot make the directory /\(directory)")
        }
    }

    /// Puts the socket that listens at `temporary` in the place of `path`, in one step, so that no connect fails meanwhile.
    ///
    /// Whatever is no socket is left alone.
    static func install(_ temporary: String, as path: String) throws(BridgeSocketError) -> Identity {
        var info = stat()
        if lstat(path, &info) == 0, info.st_mode & S_IFMT != S_IFSOCK {
            throw BridgeSocketError("\(path) is there and no socket", errno: EEXIST)
        }
        guard chmod(temporary, 0o660) == 0 else { throw BridgeSocketError("cannot chmod \(temporary)") }
        guard rename(temporary, path) == 0 else { throw BridgeSocketError("cannot rename to \(path)") }
        guard let identity = identity(of: path) else { throw BridgeSocketError("\(path) is gone") }
        return identity
    }

    /// Removes the socket unless another bridge has taken the path over.
    static func remove(_ path: String, ifStill identity: Identity) {
        if self.identity(of: path) == identity { unlink(path) }
    }
}

/// Who is at the other end of a Unix-domain socket (SO_PEERCRED of unix(7)).
enum PeerCredentials {
    /// `struct ucred`, which the C library shows only with _GNU_SOURCE.
    private struct Credentials {
        var pid: Int32 = 0
        var uid: UInt32 = 0
        var gid: UInt32 = 0
    }

    static func userID(of channel: any Channel) -> EventLoopFuture<UInt32> {
        guard let provider = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        let credentials: EventLoopFuture<Credentials> = provider.unsafeGetSocketOption(
            level: .socket, name: .init(rawValue: SO_PEERCRED))
        return credentials.map { $0.uid }
    }

    static var ownUserID: UInt32 { geteuid() }
}
