// Reads secrets for one attempt, and keeps them out of everything that is said about it.
import Domain
import Synchronization
import Transfers

final class KeptSecrets: SecretReader {
    private struct State {
        var secrets: [String] = []
        var hasFailed = false
    }
    private let reader: any SecretReader
    private let state = Mutex(State())
    init(_ reader: any SecretReader) { self.reader = reader }

    /// Whether a secret could not be read.
    var hasFailed: Bool { state.withLock { $0.hasFailed } }

    func read(_ secret: Secret) throws -> String {
        do {
            let text = try reader.read(secret)
            hide(text)
            return text
        } catch {
            state.withLock { $0.hasFailed = true }
            throw error
        }
    }

    /// From now on the text is masked, and what a peer may make of it: the parts of a URL, the token
    /// after `Bearer`.
    func hide(_ text: String) {
        let parts = Self.parts(of: text)
        state.withLock { $0.secrets += [text] + parts }
    }
    /// Masks the path of a URL that the runbook holds openly: with many services whoever knows it may
    /// write there. Parts of it are masked where they look like a token.
    func hide(pathOf url: String) {
        let parts = Self.parts(of: url).filter { $0.contains(where: \.isNumber) }
        let afterScheme = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
        let path = afterScheme.firstIndex(of: "/").map { afterScheme[$0...] } ?? ""
        let whole = path.count < 2 ? [] : [String(path)]
        state.withLock { $0.secrets += whole + parts }
    }
    private static func parts(of text: String) -> [String] {
        let host = text.contains("://") ? Address(url: text) : nil
        return text.split { "/?&=# \n\r".contains($0) }.map(String.init).filter {
            $0.utf8.count >= 8 && !$0.hasSuffix(":") && $0 != host?.host && $0 != host?.target
        }
    }

    /// The text with everything secret replaced.
    func masked(_ text: String) -> String {
        let secrets = state.withLock { $0.secrets }.filter { !$0.isEmpty }
        var bytes = Array(text.utf8)
        for secret in secrets.sorted(by: { $0.utf8.count > $1.utf8.count }) {
            bytes = replaced(Array(secret.utf8), in: bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
    private func replaced(_ secret: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == secret[0], bytes[at...].starts(with: secret) {
                result += "•••".utf8
                at += secret.count
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return result
    }
}
