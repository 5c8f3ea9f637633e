// A program that a test starts: its output in files, its end waited for by a thread of its own.
// (Foundation's Process takes a program for running while any descendant holds what it inherited, and
// may crash when several are started at once.)
import FoundationEssentials
import Synchronization
import Transfers

#if canImport(Glibc)
    import Glibc
#endif

package final class Spawned: Sendable {
    package let pid: Int32
    private let ended = Mutex<Int32?>(nil)

    /// - Parameters:
    ///   - output, errors: files that are made, or emptied.
    ///   - environment: all of it.
    /// - Throws: `TestKitError` when it cannot be started.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String],
        directory: String = "/", output: String, errors: String
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, flags, 0o600)
        // What starts in another folder is started there by the shell: POSIX has no other way.
        let words =
            directory == "/"
            ? [program] + arguments
            : ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", directory, program] + arguments
        var argv = words.map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, words[0], &actions, nil, &argv, &envp)
        guard code == 0 else {
            throw TestKitError(text: "cannot start \(program): \(String(cString: strerror(code)))")
        }
        pid = child
        // Never one of Dispatch's: Swift's tasks run on those, and there are only as many as cores.
        let isWaiting = OwnThread.start("test-child") { [self] in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            ended.withLock { $0 = signal == 0 ? (status >> 8) & 0xFF : 128 + signal }
        }
        guard isWaiting else {
            kill(child, SIGKILL)
            throw TestKitError(text: "cannot start a thread to wait for \(program)")
        }
    }

    /// The exit status, or 128 and the signal's number; nil while it runs.
    package var status: Int32? { ended.withLock { $0 } }

    /// Waits for its end.
    package func end() async throws -> Int32 {
        try await eventually("process \(pid) ends", within: 300) { status != nil }
        return status ?? -1
    }
}
