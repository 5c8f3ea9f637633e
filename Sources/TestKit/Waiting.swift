// What tests share: folders that vanish, ports that are free, and waiting for a condition.
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

/// A folder of a test's own; removed with everything in it when the value goes.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init(_ label: String = "test") throws {
        var template = Array("\(Self.root)/tocsin-\(label)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw TestKitError(text: "mkdtemp failed: \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    private static var root: String {
        getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    }

    /// The path of a file in it.
    package func callAsFunction(_ name: String) -> String { path + "/" + name }

    /// Writes a file, with the folders above it.
    @discardableResult
    package func write(_ name: String, _ text: String) throws -> String {
        let file = self(name)
        let folder = file[..<(file.lastIndex(of: "/") ?? file.endIndex)]
        try FileManager.default.createDirectory(
            atPath: String(folder), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: file))
        return file
    }
}

package struct TestKitError: Error, CustomStringConvertible {
    package var text: String
    package init(text: String) { self.text = text }
    package var description: String { text }
}

/// Waits until the condition holds. The limit is generous and only there so that a broken test ends.
package func eventually(
    _ what: String, within seconds: Double = 180, _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    while true {
        if try await condition() { return }
        guard clock.now < end else {
            throw TestKitError(text: "waited \(seconds) s in vain for: \(what)")
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// A TCP port on 127.0.0.1 that nothing listens on right now.
package func freePort() throws -> Int {
    guard let port = bindable(0) else { throw TestKitError(text: "no free port") }
    return port
}

/// A free TCP port on 127.0.0.1 that stays free while nobody listens: not one of those from which the
/// kernel takes the near ends of connections (ip(7), `ip_local_port_range`: 32768 and up).
package func steadyPort() throws -> Int {
    for _ in 0..<1_000 {
        if let port = bindable(Int.random(in: 15_000..<32_000)) { return port }
    }
    throw TestKitError(text: "no free port")
}

/// The port that it was bound to; nil when that is not possible.
private func bindable(_ wanted: Int) -> Int? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(wanted).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
            bind(descriptor, raw, length) == 0 && getsockname(descriptor, raw, &length) == 0
        }
    }
    return bound ? Int(UInt16(bigEndian: address.sin_port)) : nil
}
