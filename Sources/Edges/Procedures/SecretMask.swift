// Keeps secrets out of what is written down: replaces them in a stream of bytes, also across blocks.
import CLinux

struct SecretMask {
    /// Longest first, so that a secret that holds another one is replaced as a whole.
    private var secrets: [[UInt8]] = []
    /// The beginning of what may yet turn out to be a secret.
    private var held: [UInt8] = []
    static let replacement = Array("•••".utf8)

    /// From now on this text is replaced, also where it is written as URLs, forms and JSON write it; of
    /// several lines, each line of four bytes or more as well.
    mutating func add(_ secret: String) {
        let whole = Array(secret.utf8)
        let lines = whole.split { $0 == 10 || $0 == 13 }
        let parts = lines.count > 1 ? lines.map(Array.init).filter { $0.count >= 4 } : []
        for part in [whole] + parts where !part.isEmpty && !secrets.contains(part) {
            secrets += SecretSpellings.all(of: part).filter { !secrets.contains($0) }
        }
        secrets.sort { $0.count > $1.count }
    }

    /// The next bytes of the stream, masked. What could be the start of a secret is held back.
    mutating func next(_ block: some Collection<UInt8>) -> [UInt8] {
        if secrets.isEmpty { return Array(block) }
        let bytes = held + block
        if isClean(bytes) {
            held = []
            return bytes
        }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            let rest = bytes[at...]
            if let secret = secrets.first(where: { rest.starts(with: $0) }) {
                result += Self.replacement
                at += secret.count
            } else if secrets.contains(where: { $0.count > rest.count && $0.starts(with: rest) }) {
                held = Array(rest)
                return result
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        held = []
        return result
    }

    /// Most blocks of much output: neither a secret nor the beginning of one at its end.
    private func isClean(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            secrets.allSatisfy { secret in
                if let start = bytes.baseAddress,
                    memmem(start, bytes.count, secret, secret.count) != nil
                {
                    return false
                }
                let tail = bytes.suffix(secret.count - 1)
                return !tail.indices.contains { secret.starts(with: tail[$0...]) }
            }
        }
    }

    /// What is still held back: the stream has ended, so it is no secret.
    mutating func end() -> [UInt8] {
        defer { held = [] }
        return held
    }

    func masked(_ text: String) -> String {
        var copy = self
        copy.held = []
        return String(decoding: copy.next(Array(text.utf8)) + copy.end(), as: UTF8.self)
    }
}
