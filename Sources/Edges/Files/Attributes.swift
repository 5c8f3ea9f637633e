// Extended attributes: access control lists, capabilities and what else belongs to a file.
import CLinux
package import Domain
import FoundationEssentials
import Glibc

/// One extended attribute (xattr(7)), such as `system.posix_acl_access` or `user.comment`.
package struct FileAttribute: Sendable, Equatable {
    package var name: RawPath
    package var value: [UInt8]
    package init(name: RawPath, value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// The value is written as base64.
extension FileAttribute: Codable {
    private enum CodingKeys: String, CodingKey { case name, value }
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try values.decode(RawPath.self, forKey: .name),
            value: Array(try values.decode(Data.self, forKey: .value)))
    }
    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(name, forKey: .name)
        try values.encode(Data(value), forKey: .value)
    }
}

extension Files {
    /// All that this user may see, by name; those of a link, not of what it points at. None where the
    /// file system knows no attributes.
    package static func attributes(of path: RawPath) throws(Fault) -> [FileAttribute] {
        try attributes(
            path, list: { list, size in path.withCString { llistxattr($0, list, size) } },
            get: { name, value, size in path.withCString { lgetxattr($0, name, value, size) } })
    }

    /// Those of an open file.
    package static func attributes(
        open file: Int32, _ path: RawPath
    ) throws(Fault) -> [FileAttribute] {
        try attributes(
            path, list: { flistxattr(file, $0, $1) },
            get: { fgetxattr(file, $0, $1, $2) })
    }

    private static func attributes(
        _ path: RawPath, list: (UnsafeMutablePointer<CChar>?, Int) -> Int,
        get: (UnsafePointer<CChar>, UnsafeMutableRawPointer?, Int) -> Int
    ) throws(Fault) -> [FileAttribute] {
        let size = list(nil, 0)
        if size == 0 || (size < 0 && errno == ENOTSUP) { return [] }
        // 64 KiB is the kernel's limit for a list and for a value; so a second question is never short.
        var names = [CChar](repeating: 0, count: 1 << 16)
        let count = list(&names, names.count)
        guard count >= 0 else { throw fileFault("list the attributes of", path) }
        var found: [FileAttribute] = []
        for name in names.prefix(count).split(separator: 0) {
            let name = RawPath(bytes: name.map { UInt8(bitPattern: $0) })
            var value = [UInt8](repeating: 0, count: 1 << 16)
            let length = name.withCString { get($0, &value, value.count) }
            if length < 0, errno == ENODATA { continue }
            guard length >= 0 else { throw fileFault("read the attribute \(name) of", path) }
            found.append(FileAttribute(name: name, value: Array(value.prefix(length))))
        }
        return found.sorted { $0.name < $1.name }
    }

    /// Gives a file exactly these attributes. What the system itself keeps (labels of SELinux and its
    /// like) is set where it is allowed, and never removed.
    /// - Returns: a sentence for each that could not be set or removed; the content is what counts.
    package static func set(
        _ attributes: [FileAttribute], on path: RawPath
    ) throws(Fault) -> [String] {
        let present = try self.attributes(of: path)
        if present == attributes { return [] }
        var failures: [String] = []
        for old in present where !attributes.contains(where: { $0.name == old.name }) {
            if old.name.description.hasPrefix("security."), old.name.text != "security.capability" {
                continue
            }
            let code = path.withCString { path in
                old.name.withCString { lremovexattr(path, $0) }
            }
            if code != 0, errno != ENODATA {
                failures.append(
                    "the attribute \(old.name) of \(path) could not be removed: \(systemWords())")
            }
        }
        for new in attributes where !present.contains(new) {
            let code = path.withCString { path in
                new.name.withCString { lsetxattr(path, $0, new.value, new.value.count, 0) }
            }
            if code != 0 {
                failures.append(
                    "the attribute \(new.name) of \(path) could not be set: \(systemWords())")
            }
        }
        return failures
    }

    private static func systemWords() -> String { String(cString: strerror(errno)) }
}
