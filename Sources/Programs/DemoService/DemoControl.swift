// Looking after a courier from outside: is it there, does it answer, stop it.
#if canImport(Glibc)
    import Glibc
#endif

struct DemoControl: Sendable {
    let folder: ServiceFolder

    /// The port that courier.env names: another one for a copy that a rollback is tested on.
    func port() throws -> Int {
        let settings = Settings(try folder.text(Site.settingsFile))
        let name = isTest ? "COURIER_TEST_PORT" : "COURIER_PORT"
        guard let text = settings[name], let port = Int(text), (1...65535).contains(port)
        else {
            throw DemoError("\(folder(Site.settingsFile)) needs a line such as \(name)=5080")
        }
        return port
    }

    /// What the engine says to programs in test mode.
    private var isTest: Bool { getenv("TOCSIN_TEST_MODE").map { String(cString: $0) } == "1" }

    /// The pid of the courier that runs here.
    var pid: Int32? { RunLock.holder(folder) }

    /// Whether the one that runs here answers.
    func answers() async -> Bool {
        guard pid != nil, let port = try? port() else { return false }
        let answer = try? await Fetch.ask("/healthz", port: port, within: .seconds(2))
        return answer?.status == 200
    }

    /// Waits until courier answers.
    /// - Parameter child: the process that is to become it; when that ends first, so does the wait.
    func waitUntilItAnswers(child: Int32?, limit: Duration) async throws {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while clock.now < end {
            if await answers() { return }
            if let child, !isAlive(child), pid == nil {
                throw DemoError("courier ended while it started")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw DemoError("courier does not answer after \(Int(seconds(limit))) s")
    }

    /// SIGTERM, and SIGKILL to one that is still there after the time.
    /// - Returns: what was done, in a sentence.
    func stop(patience: Duration = .seconds(10)) async throws -> String {
        guard let pid else { return "courier is not running" }
        try send(SIGTERM, pid)
        if try await isGone(pid, within: patience) { return "courier (pid \(pid)) stopped" }
        try send(SIGKILL, pid)
        if try await isGone(pid, within: .seconds(5)) {
            return "courier (pid \(pid)) did not stop in \(Int(seconds(patience))) s and was killed"
        }
        throw DemoError("courier (pid \(pid)) is still there after SIGKILL")
    }

    private func send(_ signal: Int32, _ pid: Int32) throws {
        guard kill(pid, signal) == 0 || errno == ESRCH else {
            throw DemoError("cannot stop courier (pid \(pid)): \(String(cString: strerror(errno)))")
        }
    }

    private func isGone(_ pid: Int32, within limit: Duration) async throws -> Bool {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while clock.now < end {
            if self.pid != pid { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return self.pid != pid
    }
}

/// Whether a process runs; one that has ended and waits to be collected does not.
package func isAlive(_ pid: Int32) -> Bool {
    guard kill(pid, 0) == 0 || errno == EPERM else { return false }
    guard let file = fopen("/proc/\(pid)/stat", "re") else { return true }
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 512)
    guard fgets(&buffer, Int32(buffer.count), file) != nil else { return true }
    let text = String(
        decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // The state follows the name, which stands in parentheses and may hold any.
    guard let end = text.lastIndex(of: ")") else { return true }
    return text[text.index(after: end)...].first { $0 != " " } != "Z"
}
