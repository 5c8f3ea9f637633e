// Who is at the other end of a connection, as the kernel says (SO_PEERCRED, unix(7)).
import Domain
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The kernel's `struct ucred`, field by field.
private struct PeerCredentials: Sendable {
    var pid: Int32
    var uid: UInt32
    var gid: UInt32
}

/// Names callers, and remembers the names of users for a while: looking one up may ask the network.
final class CallerNames: Sendable {
    private struct Known {
        var name: String
        var until: NIODeadline
    }
    private let known = Mutex<[UInt32: Known]>([:])

    /// The process that opened the connection of a channel.
    /// - Throws: `Fault` when the kernel does not say; then nobody is obeyed.
    func caller(on channel: any NIOCore.Channel) async throws -> Caller {
        guard let options = channel as? any SocketOptionProvider else {
            throw Fault(
                operation: "identify the caller", subject: "socket", cause: "no such option")
        }
        let peer: PeerCredentials
        do {
            peer = try await options.unsafeGetSocketOption(
                level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED)
            ).get()
        } catch {
            throw Fault(operation: "identify the caller", subject: "socket", cause: "\(error)")
        }
        return Caller(user: await name(of: peer.uid), uid: peer.uid, pid: peer.pid)
    }

    private func name(of uid: UInt32) async -> String {
        let now = NIODeadline.now()
        if let entry = known.withLock({ $0[uid] }), entry.until > now { return entry.name }
        let found = try? await NIOThreadPool.singleton.runIfActive { LoginName.of(uid) }
        let name = found ?? String(uid)
        known.withLock { $0[uid] = Known(name: name, until: now + .seconds(60)) }
        return name
    }
}

package enum LoginName {
    /// The login name of a user; the number where the system knows none.
    package static func of(_ uid: UInt32) -> String {
        entry(uid) { $0.pw_name } ?? String(uid)
    }

    /// What people call a user: the first part of the GECOS field (passwd(5)), of which `&` stands for
    /// the login name; nil where it says nothing more than that.
    package static func realName(of uid: UInt32) -> String? {
        guard let field = entry(uid, { $0.pw_gecos }) else { return nil }
        return realName(field, login: of(uid))
    }
    static func realName(_ field: String, login: String) -> String? {
        let capital = login.prefix(1).uppercased() + login.dropFirst()
        let first = field.prefix { $0 != "," }.replacing("&", with: capital)
        let words = first.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let isPlain = !words.isEmpty && words.unicodeScalars.allSatisfy { $0.value >= 0x20 }
        return isPlain && words.lowercased() != login.lowercased() && words.count <= 60
            ? words : nil
    }

    /// A field of the user's entry; nil where the system has none.
    private static func entry(
        _ uid: UInt32, _ field: (passwd) -> UnsafeMutablePointer<CChar>?
    ) -> String? {
        var size = 1024
        while size <= 1 << 20 {
            var buffer = [CChar](repeating: 0, count: size)
            let (status, text) = buffer.withUnsafeMutableBufferPointer {
                space -> (Int32, String?) in
                guard let base = space.baseAddress else { return (ENOMEM, nil) }
                var entry = passwd()
                var found: UnsafeMutablePointer<passwd>?
                let status = getpwuid_r(uid, &entry, base, space.count, &found)
                // The text points into the buffer, so it is copied while that lives.
                return (status, found.flatMap { field($0.pointee) }.map { String(cString: $0) })
            }
            if status != ERANGE { return text }
            size *= 4
        }
        return nil
    }
}
