// Notices that the runbook's file is no longer what the engine has read.
import Domain
import FoundationEssentials
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Compares the file with what it was when the engine read it. A look is one stat(2) as long as nobody
/// writes to the file, and reads it when somebody did.
final class RunbookWatch: Sendable {
    enum Finding: Sendable, Equatable {
        case same
        case changed
        case gone
        /// Why.
        case unreadable(String)
    }

    /// What stat(2) says of a file; whoever writes to it changes some of it.
    private struct Sign: Equatable {
        var device: dev_t
        var inode: ino_t
        var size: off_t
        var changed: [Int]

        /// Nil while another change could still get the same times, which are as coarse as the kernel's
        /// clock.
        var settled: Sign? {
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            return changed[2] < now.tv_sec - 1 ? self : nil
        }
    }
    private struct ErrorNumber: Error { var number: Int32 }
    private struct State {
        var sign: Sign?
        var finding = Finding.same
    }

    private let path: String
    /// What was read; nil: it could not be read again, then nothing is ever said.
    private let content: Data?
    private let state: Mutex<State>

    /// - Parameter path: of the file, which the engine has just read.
    init(path: String) {
        self.path = path
        // Before the content: what is written in between is looked at again.
        let sign = try? Self.sign(path).get()
        content = try? Self.read(path)
        state = Mutex(State(sign: sign?.settled))
    }

    func look() -> Finding {
        guard let content else { return .same }
        return state.withLock { state in
            switch Self.sign(path) {
            case .failure(let code):
                state.sign = nil
                state.finding =
                    code.number == ENOENT || code.number == ENOTDIR
                    ? .gone : .unreadable(String(cString: strerror(code.number)))
            case .success(let sign):
                if sign == state.sign { return state.finding }
                state.finding = compare(content, sign)
                state.sign = sign.settled
            }
            return state.finding
        }
    }

    private func compare(_ content: Data, _ sign: Sign) -> Finding {
        // Nothing is read of a file that somebody made endless.
        guard Int(sign.size) == content.count else { return .changed }
        do {
            return try Self.read(path) == content ? .same : .changed
        } catch {
            return .unreadable("\(error)")
        }
    }

    private static func read(_ path: String) throws -> Data {
        try Data(contentsOf: URL(filePath: path))
    }

    private static func sign(_ path: String) -> Result<Sign, ErrorNumber> {
        var info = stat()
        guard stat(path, &info) == 0 else { return .failure(ErrorNumber(number: errno)) }
        return .success(
            Sign(
                device: info.st_dev, inode: info.st_ino, size: info.st_size,
                changed: [
                    info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ctim.tv_sec,
                    info.st_ctim.tv_nsec,
                ]))
    }
}

extension EngineCore {
    /// The alarm for what was found of the runbook; nil: there is none.
    static func alarm(_ finding: RunbookWatch.Finding, path: String, since: Timestamp) -> String? {
        let name = Visible.text(path, limit: 500)
        let time = "\(since.timeOfDay) UTC"
        let goesBy = "this engine still goes by what it read"
        switch finding {
        case .same: return nil
        case .changed:
            return "THE RUNBOOK HAS CHANGED since \(time): \(goesBy). "
                + "tocsin check-runbook, then start the engine anew"
        case .gone:
            return "THE RUNBOOK IS GONE since \(time): \(goesBy). Put \(name) back"
        case .unreadable(let why):
            return "THE RUNBOOK CANNOT BE READ since \(time): \(goesBy). "
                + "\(name): \(Visible.text(why, limit: 200))"
        }
    }
}
