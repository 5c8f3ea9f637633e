// Where the project and what was built of it are, found from the running test.
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

package enum Places {
    /// The folder of Package.swift.
    package static let project: String = {
        var parts = #filePath.split(separator: "/").dropLast()
        while !parts.isEmpty {
            let folder = "/" + parts.joined(separator: "/")
            if FileManager.default.fileExists(atPath: folder + "/Package.swift") { return folder }
            parts = parts.dropLast()
        }
        return "."
    }()

    /// A program that was built with the tests.
    /// - Throws: `TestKitError` when it is not there.
    package static func program(_ name: String) throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let own = String(
            decoding: buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let beside = own.split(separator: "/").dropLast().joined(separator: "/")
        for path in ["/\(beside)/\(name)", "\(project)/.build/debug/\(name)"]
        where access(path, X_OK) == 0 {
            return path
        }
        throw TestKitError(text: "\(name) was not built: run `swift build --build-tests`")
    }

    /// A program of Debian's that is no part of a test machine's own life: installed, or unpacked into
    /// `.build/tools` by `scripts/setup test`, so that no daemon of that name starts there.
    /// - Throws: `TestKitError` when it is in neither place.
    package static func tool(_ name: String) throws -> String {
        for path in ["/usr/bin/\(name)", "\(project)/.build/tools/usr/bin/\(name)"]
        where access(path, X_OK) == 0 {
            return path
        }
        throw TestKitError(text: "there is no \(name): run `scripts/setup test`")
    }

    /// Every file below a folder of the project, relative to the project, sorted.
    package static func files(below folder: String, ending: String) throws -> [String] {
        let root = project + "/" + folder
        var found: [String] = []
        func collect(_ path: String) throws {
            for name in try FileManager.default.contentsOfDirectory(atPath: root + path) {
                let file = path + "/" + name
                var info = stat()
                guard lstat(root + file, &info) == 0 else { continue }
                if info.st_mode & S_IFMT == S_IFDIR {
                    try collect(file)
                } else if name.hasSuffix(ending) {
                    found.append(folder + file)
                }
            }
        }
        try collect("")
        return found.sorted()
    }

    package static func text(of file: String) throws -> String {
        try String(contentsOf: URL(filePath: project + "/" + file), encoding: .utf8)
    }
}
