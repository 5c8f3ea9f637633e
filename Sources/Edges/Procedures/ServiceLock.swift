// One procedure for one service, whatever engines there are: a lock that the kernel lets go of when
// the last process that holds it ends.
//
// Engines that were started by mistake share the runbook, but neither state nor socket. So the lock is
// a file beside the runbook, `.tocsin-SERVICE.lock`; and, because an engine need not be allowed to
// write there, another in /run/lock, named after the runbook's folder and the service. Who finds either
// of them held stays out. Runners inherit both (flock(2) belongs to the open file, not to a process),
// so the lock stays held while a step works whose engine was killed.
import Crypto
package import Domain
import Files
import FoundationEssentials
import Glibc
import Synchronization

package final class ServiceLock: Sendable {
    /// Who holds it, as the file says.
    package struct Holder: Sendable, Equatable, Codable {
        /// The engine's.
        package var pid: Int32
        /// The engine's state folder.
        package var state: String
        package var procedure: String
    }

    package enum Holding: Sendable, Equatable {
        /// By this engine, from now on.
        case held
        /// By a runner that an earlier engine with this state has left at work.
        case byOwnRunner
        /// By another engine, or by a runner of its; nil: it does not say whose.
        case byAnother(Holder?)
        /// There is no place where a lock could be.
        case impossible(Fault)
    }

    private let places: [Place]
    private let state: String
    /// The locked files; empty: not held.
    private let held = Mutex<[Int32]>([])

    /// - Parameters:
    ///   - folder: the runbook's.
    ///   - state: this engine's state folder, absolute.
    ///   - shared: a folder that all users of the machine may write to.
    package init(service: String, folder: String, state: String, shared: String = "/run/lock") {
        let own = RawPath(state)
        self.state = ((try? Files.resolved(own)) ?? own).description
        let given = RawPath(folder)
        let real = (try? Files.resolved(given)) ?? given
        let owner = (try? Files.status(real, following: true))?.user
        let digest = SHA256.hash(data: Data(real.bytes + [0] + Array(service.utf8)))
        let hex = digest.prefix(10).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let isPlain = service.utf8.count <= 100 && service.utf8.allSatisfy(Self.isPlain)
        places = [
            Place(
                path: real.appending(".tocsin-\(isPlain ? service : hex).lock"), trusted: nil),
            Place(
                path: RawPath(shared).appending("tocsin-\(hex).lock"),
                trusted: [0, geteuid()] + (owner.map { [$0] } ?? [])),
        ]
    }
    deinit { held.withLock { $0.forEach { close($0) } } }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Takes it for a procedure, or says who has it. Asking again while it is held does no harm.
    package func hold(for procedure: String) -> Holding {
        held.withLock { held in
            if !held.isEmpty { return .held }
            var taken: [Int32] = []
            var trouble: Fault?
            for place in places {
                do throws(Fault) {
                    switch try place.take() {
                    case .taken(let file): taken.append(file)
                    case .held(let holder):
                        taken.forEach(Self.letGo)
                        return holder?.state == state ? .byOwnRunner : .byAnother(holder)
                    }
                } catch {
                    // The first place is the one to mend.
                    trouble = trouble ?? error
                }
            }
            guard !taken.isEmpty else {
                return .impossible(
                    trouble
                        ?? Fault(operation: "lock", subject: "the service", cause: "no place"))
            }
            let holder = Holder(pid: getpid(), state: state, procedure: procedure)
            taken.forEach { Place.write(holder, to: $0) }
            held = taken
            return .held
        }
    }

    /// Whoever waits for it may have it: the procedure is over.
    package func letGo() {
        held.withLock { held in
            held.forEach(Self.letGo)
            held = []
        }
    }
    private static func letGo(_ file: Int32) {
        // Closing is not enough: a child that is just being started has the open file too.
        flock(file, LOCK_UN)
        close(file)
    }

    /// The locked files once more, for a runner; to be closed by the caller. None when it is not held.
    func copies() -> [Int32] {
        held.withLock { $0.map { fcntl($0, F_DUPFD_CLOEXEC, 32) }.filter { $0 >= 0 } }
    }
}

extension ServiceLock {
    private struct Place {
        let path: RawPath
        /// Users whose file may stand in our way; nil: whoever may write to the folder.
        let trusted: [UInt32]?

        enum Taking {
            case taken(Int32)
            case held(Holder?)
        }

        func take() throws(Fault) -> Taking {
            let file = try opened()
            guard flock(file, LOCK_EX | LOCK_NB) != 0 else { return .taken(file) }
            let code = errno
            defer { close(file) }
            guard code == EWOULDBLOCK else { throw fileFault("lock", path, code: code) }
            return .held(Self.holder(file))
        }

        /// An existing file may belong to another user: reading is enough for a lock.
        private func opened() throws(Fault) -> Int32 {
            let flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
            var code = ENOENT
            for access in [O_RDWR, O_RDONLY, O_RDWR | O_CREAT | O_EXCL, O_RDWR] {
                let file = path.withCString { open($0, access | flags, 0o644) }
                if file < 0 {
                    code = errno
                    continue
                }
                if access & O_CREAT != 0 { fchmod(file, 0o644) }
                do throws(Fault) {
                    try check(file)
                    return file
                } catch {
                    close(file)
                    throw error
                }
            }
            throw fileFault("lock", path, code: code)
        }

        private func check(_ file: Int32) throws(Fault) {
            var status = stat()
            guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                throw Fault(
                    operation: "lock", subject: path.description, cause: "it is no plain file")
            }
            if let trusted, !trusted.contains(status.st_uid) {
                throw Fault(
                    operation: "lock", subject: path.description,
                    cause: "it belongs to a user who has nothing to do with this service")
            }
        }

        static func write(_ holder: Holder, to file: Int32) {
            // For people, and for the sentence that another engine says; the lock is the kernel's.
            guard let bytes = try? encoded(holder), ftruncate(file, 0) == 0 else { return }
            _ = pwrite(file, bytes + [10], bytes.count + 1, 0)
        }

        private static func holder(_ file: Int32) -> Holder? {
            var bytes = [UInt8](repeating: 0, count: 16 << 10)
            let count = pread(file, &bytes, bytes.count, 0)
            guard count > 0 else { return nil }
            return try? JSONDecoder().decode(Holder.self, from: Data(bytes[..<count]))
        }
    }
}

extension ServiceLock.Holder {
    /// Whether the engine itself still runs, and not only a step of its.
    package var isAlive: Bool { kill(pid, 0) == 0 || errno == EPERM }
}
