// The stage of `tocsin demo`: a copy of Examples/demo in a folder of its own, with its own port.
import FoundationEssentials
import Subprocess

#if canImport(Glibc)
    import Glibc
#endif

/// A whole stage: made by `prepare`, with courier's folder `service` in the given directory.
package struct DemoStage: Sendable {
    /// The directory that was given, absolute; everything is below it.
    package let directory: String
    /// On 127.0.0.1.
    package let port: Int

    /// Courier's folder: the runbook, the site, the scripts.
    package var folder: String { directory + "/service" }
    package var runbookPath: String { folder + "/tocsin.yaml" }
    package var url: String { "http://127.0.0.1:\(port)/" }
    /// Whom the pages let in, and the file that holds the password.
    package var login: String { Seed.administrator }
    package var passwordFile: String { folder + "/" + Seed.passwordFile }

    /// What a stage was made with; written last, so that a stage that has it is whole.
    struct Facts: Codable, Equatable {
        var port: Int
        /// Where a copy runs on which the rollback is tested; missing in stages of older versions.
        var testPort: Int?
        var user: String
        /// What people call whoever runs the demo; missing in stages of older versions.
        var name: String?
    }
    private static let factsFile = "stage.json"
    /// What Examples/demo has in the places that differ from stage to stage.
    static let exampleFacts = Facts(port: 5080, testPort: 5081, user: "operator", name: "Operator")
    /// The files with the port or the user in them.
    private static let markedFiles = ["tocsin.yaml", "courier.env"]

    /// Makes the stage, or takes the one that is there as it was left.
    /// - Parameters:
    ///   - directory: is made if it is not there.
    ///   - share: the folder with the content of Examples/demo.
    ///   - binary: the `tocsin` that the scripts call.
    ///   - user: the login name of whoever runs the demo: the runbook's administrator.
    ///   - name: what people call them; otherwise the login name with a capital.
    /// - Throws: `DemoError`, also when `directory/service` is something else than a whole stage.
    package static func prepare(
        directory: String, share: String, binary: String, user: String, name: String? = nil
    ) throws -> DemoStage {
        let name = name ?? user.prefix(1).uppercased() + user.dropFirst()
        try makeDirectory(directory)
        let directory = try ServiceFolder(directory).path
        let service = directory + "/service"
        if !FileManager.default.fileExists(atPath: service) {
            try build(service, share: share, user: user, name: name)
        }
        let folder = try ServiceFolder(service)
        let facts = try adapt(folder, user: user, name: name)
        try link(folder, to: binary)
        return DemoStage(directory: directory, port: facts.port)
    }

    // MARK: Making one

    private static func makeDirectory(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch { throw DemoError("cannot make the folder \(path): \(error)") }
    }

    /// Built beside its place and renamed, so that a stage is there whole or not at all.
    private static func build(
        _ service: String, share: String, user: String, name: String
    ) throws {
        let draft = service + ".new-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        do {
            try makeDirectory(draft)
            let folder = try ServiceFolder(draft)
            try copy(share, into: folder)
            let port = try freePort()
            let facts = Facts(
                port: port, testPort: try freePort(other: port), user: user, name: name)
            try mark(folder, from: exampleFacts, to: facts)
            try Seed.plant(folder, now: wallClock())
            try folder.write(factsFile, JSON.text(facts))
            guard rename(draft, service) == 0 else {
                throw DemoError("cannot make \(service): \(String(cString: strerror(errno)))")
            }
        } catch {
            try? FileManager.default.removeItem(atPath: draft)
            throw error
        }
    }

    /// What Examples/demo holds; what a courier that ran there has left behind is not taken along.
    private static let parts = [
        "tocsin.yaml", "courier.env", "bin", "templates", "static", "unified", "legacy",
    ]

    private static func copy(_ share: String, into folder: ServiceFolder) throws {
        let files = FileManager.default
        for part in parts {
            let source = share + "/" + part
            guard files.fileExists(atPath: source) else {
                throw DemoError(
                    "\(source) is missing: the demo's files are not where this program expects them"
                )
            }
            do { try files.copyItem(atPath: source, toPath: folder(part)) } catch {
                throw DemoError("cannot copy \(source) to \(folder(part)): \(error)")
            }
            try makeWritable(folder(part), executable: part == "bin")
        }
    }

    /// A share that is installed read-only gives copies that are.
    private static func makeWritable(_ path: String, executable: Bool) throws {
        var facts = stat()
        guard lstat(path, &facts) == 0, facts.st_mode & S_IFMT != S_IFLNK else { return }
        let isFolder = facts.st_mode & S_IFMT == S_IFDIR
        let mode = (facts.st_mode | S_IWUSR) | (executable || isFolder ? S_IXUSR : 0)
        guard chmod(path, mode & 0o7777) == 0 else {
            throw DemoError("cannot make \(path) writable: \(String(cString: strerror(errno)))")
        }
        guard isFolder else { return }
        for name in try FileManager.default.contentsOfDirectory(atPath: path) {
            try makeWritable(path + "/" + name, executable: executable)
        }
    }

    // MARK: Taking one that is there

    /// Brings a stage up to date: another user, or a port that somebody else has taken since.
    private static func adapt(
        _ folder: ServiceFolder, user: String, name: String
    ) throws -> Facts {
        let needed =
            parts.filter { $0 != "unified" } + [factsFile, "data/courier.db", Seed.passwordFile]
        for name in needed where !folder.exists(name) {
            throw DemoError(
                "\(folder.path) is not a whole stage: \(name) is missing; "
                    + "remove the folder, or give another directory")
        }
        guard let old = JSON.value(Facts.self, try folder.bytes(factsFile)) else {
            throw DemoError(
                "\(folder(factsFile)) is not a stage's; remove \(folder.path), "
                    + "or give another directory")
        }
        var facts = old
        facts.user = user
        if facts.name != nil { facts.name = name }
        if RunLock.holder(folder) == nil, !isFree(old.port) { facts.port = try freePort() }
        if let test = old.testPort, test == facts.port || !isFree(test) {
            facts.testPort = try freePort(other: facts.port)
        }
        if facts != old {
            try mark(folder, from: old, to: facts)
            try folder.write(factsFile, JSON.text(facts))
        }
        return facts
    }

    /// Puts one stage's facts in place of another's.
    private static func mark(_ folder: ServiceFolder, from old: Facts, to new: Facts) throws {
        for file in markedFiles {
            var text = try folder.text(file)
            if let before = old.name, let now = new.name {
                text.replace(
                    "name: \(JSON.text(before)),  user: \(JSON.text(old.user))",
                    with: "name: \(JSON.text(now)),  user: \(JSON.text(old.user))")
            }
            text.replace("user: \(JSON.text(old.user))", with: "user: \(JSON.text(new.user))")
            // By way of what stands in no file: one's new port may be the other's old one.
            let places = ["127.0.0.1:", "--port ", "COURIER_PORT=", "COURIER_TEST_PORT="]
            var ports = [(old: old.port, new: new.port)]
            if let old = old.testPort, let new = new.testPort { ports.append((old, new)) }
            for (index, port) in ports.enumerated() {
                for before in places {
                    text.replace("\(before)\(port.old)", with: "\(before)\u{0}\(index)")
                }
            }
            for (index, port) in ports.enumerated() {
                text.replace("\u{0}\(index)", with: "\(port.new)")
            }
            try folder.write(file, text)
        }
    }

    /// The scripts find their program there, whatever the environment of whoever calls them.
    private static func link(_ folder: ServiceFolder, to binary: String) throws {
        let absolute = try realPath(binary)
        let draft = folder("bin/.tocsin-\(getpid())")
        unlink(draft)
        guard symlink(absolute, draft) == 0, rename(draft, folder("bin/tocsin")) == 0 else {
            throw DemoError("cannot link bin/tocsin: \(String(cString: strerror(errno)))")
        }
    }

    private static func realPath(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else {
            throw DemoError("\(path): \(String(cString: strerror(errno)))")
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    // MARK: Ports

    /// A free port below those that the kernel gives to outgoing connections: one of those could be
    /// taken, by a probe say, in the moment in which courier is restarted.
    /// - Parameter other: a port that is wanted for something else.
    static func freePort(other: Int? = nil) throws -> Int {
        for _ in 0..<200 {
            let port = Int.random(in: 10_000..<lowestOutgoingPort())
            if port != other, isFree(port) { return port }
        }
        throw DemoError("no free port on 127.0.0.1")
    }

    private static func lowestOutgoingPort() -> Int {
        let file = URL(filePath: "/proc/sys/net/ipv4/ip_local_port_range")
        let text = (try? Data(contentsOf: file)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let low = text.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) } ?? 32_768
        return max(low, 11_000)
    }

    static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // As courier binds it: a port on which an old connection only fades away is free.
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(clamping: port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    // MARK: Running it

    /// Starts courier as the runbook does, with bin/service, and waits until it answers; one that
    /// runs already is left alone.
    /// - Returns: its pid.
    package func start() async throws -> Int32 {
        let result = try await Subprocess.run(
            .name("sh"), arguments: [folder + "/bin/service", "start"],
            output: .string(limit: 65_536), error: .string(limit: 65_536))
        guard result.terminationStatus.isSuccess, let pid = try control().pid else {
            throw DemoError("the demo's service did not start: \(result.standardError)")
        }
        return pid
    }

    /// Stops courier; none that runs is as good.
    package func stop() async throws { _ = try await control().stop() }

    private func control() throws -> DemoControl { DemoControl(folder: try ServiceFolder(folder)) }
}
