// How far the journal had come, written beside it: whoever loses the end of the journal loses it visibly.
import Domain

#if canImport(Glibc)
    import Glibc
#endif

/// `journal.head` holds the number and the hash of the newest event. It is written after the event is on
/// disk and never synced, so it can be behind the journal and never ahead of it: a journal that ends
/// before it has lost events (a log that was deleted or damaged, an older copy put in its place).
final class HeadMark: Sendable {
    struct Mark: Equatable, Sendable {
        var seq: Int
        var hash: String
    }
    static let name = "journal.head"
    /// `12345678901234567890 `, 64 hexadecimal digits, and the number again: it is written in place, and
    /// a write that was torn leaves two different numbers, which is no mark.
    private static let length = 20 + 1 + 64 + 1 + 20 + 1
    /// What earlier versions wrote, without the second number.
    private static let oldLength = 20 + 1 + 64 + 1

    private let descriptor: Int32

    init(path: String) throws(Fault) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            throw Fault(operation: "open the journal", subject: path, cause: systemError())
        }
        self.descriptor = descriptor
    }
    deinit { close(descriptor) }

    /// A mark that cannot be written stays behind, which does no harm.
    func write(_ mark: Mark) {
        let digits = String(mark.seq)
        let text = String(repeating: "0", count: max(0, 20 - digits.count)) + digits
        let bytes = Array("\(text) \(mark.hash) \(text)\n".utf8)
        _ = pwrite(descriptor, bytes, bytes.count, 0)
    }

    var mark: Mark? { Self.read(descriptor) }

    /// Without opening it for writing; nil when there is none.
    static func read(path: String) -> Mark? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return read(descriptor)
    }

    private static func read(_ descriptor: Int32) -> Mark? {
        var bytes = [UInt8](repeating: 0, count: length)
        let count = pread(descriptor, &bytes, length, 0)
        guard count == length || count == oldLength else { return nil }
        let parts = String(decoding: bytes[..<count], as: UTF8.self).split(
            whereSeparator: \.isWhitespace)
        guard parts.count == (count == length ? 3 : 2), parts[0] == parts.last || parts.count == 2,
            let seq = Int(parts[0]), parts[1].utf8.count == 64
        else { return nil }
        return Mark(seq: seq, hash: String(parts[1]))
    }
}
