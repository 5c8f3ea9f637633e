// Passwords as salted PBKDF2-HMAC-SHA-256 hashes (RFC 8018), and tokens that cannot be guessed.
import Crypto
import FoundationEssentials

enum Passwords {
    /// Each guess costs this many rounds; kept with the hash, so that it can be raised.
    static let rounds = 4096

    /// One block of PBKDF2 is as long as the hash: 32 bytes.
    static func hash(_ password: String, salt: [UInt8], rounds: Int) -> [UInt8] {
        let key = SymmetricKey(data: Array(password.utf8))
        var last = Array(HMAC<SHA256>.authenticationCode(for: salt + [0, 0, 0, 1], using: key))
        var result = last
        for _ in 1..<max(1, rounds) {
            last = Array(HMAC<SHA256>.authenticationCode(for: last, using: key))
            for index in result.indices { result[index] ^= last[index] }
        }
        return result
    }

    /// Compares without telling by its time where the difference is.
    static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Random bytes in hexadecimal.
    static func token(bytes: Int = 16) -> String {
        hexadecimal((0..<bytes).map { _ in UInt8.random(in: 0 ... .max) })
    }

    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// What is stored of a session: whoever reads the table cannot take one over.
    static func fingerprint(_ token: String) -> String {
        hexadecimal(SHA256.hash(data: Array(token.utf8)))
    }
}
