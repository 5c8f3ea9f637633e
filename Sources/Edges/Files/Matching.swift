// Which files a path or a glob of the runbook means.
package import Domain
import Glibc

extension Files {
    /// Whether it has a wildcard (`*`, `?`, `[`) or an escaped character.
    package static func isPattern(_ path: RawPath) -> Bool {
        path.bytes.contains { "*?[\\".utf8.contains($0) }
    }

    /// What a path or glob means in a folder, sorted; absolute. A file that is called like the
    /// pattern is meant itself. A leading dot is matched only by a dot, as in a shell.
    /// - Returns: nothing when nothing of that name is there.
    package static func matches(_ pattern: RawPath, in folder: RawPath) throws(Fault) -> [RawPath] {
        let whole = folder.appending(pattern).plain
        if try status(whole) != nil { return [whole] }
        guard isPattern(pattern) else { return [] }
        let searched =
            pattern.isAbsolute ? pattern : RawPath(bytes: escaped(folder.bytes)).appending(pattern)
        var found = glob_t()
        defer { globfree(&found) }
        let code = searched.withCString { glob($0, GLOB_ERR, nil, &found) }
        switch code {
        case 0: break
        case GLOB_NOMATCH: return []
        default:
            throw Fault(
                operation: "search for", subject: pattern.description,
                cause: code == GLOB_NOSPACE ? "no memory" : "a folder cannot be read")
        }
        var paths: [RawPath] = []
        for index in 0..<Int(found.gl_pathc) {
            if let path = found.gl_pathv[index] { paths.append(RawPath(cString: path).plain) }
        }
        return paths.sorted()
    }

    /// Text that means itself inside a glob.
    package static func escaped(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { "*?[]\\".utf8.contains($0) ? [UInt8(ascii: "\\"), $0] : [$0] }
    }
}
