// The chain of hashes that shows whether anyone has changed the past.
import Crypto
import Domain

/// How an event's hash is made, for ever. Numbers are eight bytes, big-endian (two's complement); texts
/// are their length in bytes as such a number, then their UTF-8 bytes. So no two different events
/// have the same bytes.
///
///     first = SHA-256( "tocsin journal" ‖ format ‖ created ‖ length(service) ‖ service )
///     hash  = SHA-256( hash of the event before, or first ‖ seq ‖ at ‖ length(kind) ‖ kind
///                      ‖ length(body) ‖ body )
///
/// A hash goes into the next one, and into the file, as 64 lower-case hexadecimal characters.
enum Chain {
    /// What the first event is linked to: so a journal cannot pass for another service's.
    static func first(format: Int, created: Timestamp, service: String) -> String {
        var hash = SHA256()
        hash.add(bytesOf: "tocsin journal")
        hash.add(Int64(format))
        hash.add(created.milliseconds)
        hash.add(text: service)
        return hex(hash.finalize())
    }

    static func hash(
        after previous: String, seq: Int, at: Timestamp, kind: String, body: String
    ) -> String {
        var hash = SHA256()
        hash.add(bytesOf: previous)
        hash.add(Int64(seq))
        hash.add(at.milliseconds)
        hash.add(text: kind)
        hash.add(text: body)
        return hex(hash.finalize())
    }

    /// Of a snapshot: it holds only for the journal whose event `seq` has the hash `link`.
    static func seal(of snapshot: SituationSnapshot, link: String) -> String {
        var hash = SHA256()
        hash.add(bytesOf: link)
        hash.add(Int64(snapshot.seq))
        hash.add(text: snapshot.body)
        return hex(hash.finalize())
    }

    private static let digits = Array("0123456789abcdef".utf8)
    private static func hex(_ digest: SHA256.Digest) -> String {
        String(unsafeUninitializedCapacity: SHA256.byteCount * 2) { space in
            var index = 0
            for byte in digest {
                space[index] = digits[Int(byte >> 4)]
                space[index + 1] = digits[Int(byte & 15)]
                index += 2
            }
            return index
        }
    }
}

extension SHA256 {
    fileprivate mutating func add(_ number: Int64) {
        withUnsafeBytes(of: number.bigEndian) { update(bufferPointer: $0) }
    }
    fileprivate mutating func add(bytesOf text: String) {
        var text = text
        text.withUTF8 { update(bufferPointer: UnsafeRawBufferPointer($0)) }
    }
    fileprivate mutating func add(text: String) {
        add(Int64(text.utf8.count))
        add(bytesOf: text)
    }
}
