// A terminal of the test's own: it plays the other end, and remembers what was sent.
import Foundation
import Synchronization
import TestKit

#if canImport(Glibc)
    import Glibc
#endif

// glibc shows these only with _XOPEN_SOURCE, and Swift's view of it is made without.
@_silgen_name("posix_openpt") private func openTerminal(_ flags: Int32) -> Int32
@_silgen_name("grantpt") private func grant(_ descriptor: Int32) -> Int32
@_silgen_name("unlockpt") private func unlock(_ descriptor: Int32) -> Int32
@_silgen_name("ptsname_r")
private func name(_ descriptor: Int32, _ buffer: UnsafeMutablePointer<CChar>, _ size: Int) -> Int32

final class PseudoTerminal: Sendable {
    /// The path of the end that programs open.
    let path: String
    private let near: Int32
    /// Held open, so that the modes outlive the program.
    private let far: Int32
    private let received = Mutex<[UInt8]>([])
    private let isClosed = Atomic<Bool>(false)

    init() throws {
        near = openTerminal(O_RDWR | O_NOCTTY | O_CLOEXEC)
        var buffer = [CChar](repeating: 0, count: 128)
        guard near >= 0, grant(near) == 0, unlock(near) == 0,
            name(near, &buffer, buffer.count) == 0
        else { throw TestKitError(text: "no pseudo-terminal: \(String(cString: strerror(errno)))") }
        path = String(
            decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        far = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        _ = fcntl(near, F_SETFL, O_NONBLOCK)
    }
    deinit { hangUp() }

    /// Closes the window.
    func hangUp() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        close(far)
        close(near)
    }

    func type(_ text: String) {
        var text = text
        text.withUTF8 { _ = write(near, $0.baseAddress, $0.count) }
    }

    /// Everything that was sent so far.
    func sent() -> String {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !isClosed.load(ordering: .relaxed) {
            let count = read(near, &buffer, buffer.count)
            guard count > 0 else { break }
            received.withLock { $0 += buffer[..<count] }
        }
        return String(decoding: received.withLock { $0 }, as: UTF8.self)
    }

    /// Plays the operator: does something as soon as the program has taken the terminal. On a thread
    /// of its own, for exit tests block those that tasks share.
    func onceTaken(_ act: @escaping @Sendable (PseudoTerminal) -> Void) {
        Thread.detachNewThread {
            for _ in 0..<6000 where !self.sent().contains("\u{1B}[?1049h") {
                var entry = pollfd(fd: self.near, events: Int16(POLLIN), revents: 0)
                _ = poll(&entry, 1, 10)
            }
            act(self)
        }
    }

    /// The modes, as numbers to compare.
    func modes() -> [UInt32] {
        var modes = termios()
        guard tcgetattr(far, &modes) == 0 else { return [] }
        let keys = withUnsafeBytes(of: modes.c_cc) { $0.map(UInt32.init) }
        return [modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag] + keys
    }
}
