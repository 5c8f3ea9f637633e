// The probes of this machine: disk, memory, cpu, process, systemd.
import Domain
import Foundation
import Glibc
import TestKit
import Testing

@testable import Probes

private func context(_ folder: String = "/") -> CheckContext {
    CheckContext(folder: folder, secrets: TestSecrets(), variables: [])
}
private func result(_ finding: Finding) -> CheckResult {
    CheckResult(
        answer: finding.answer, latency: 0, message: finding.message, metrics: finding.metrics)
}

@Suite struct DiskTests {
    @Test func `a disk is counted as df counts it`() async throws {
        // Other programs write meanwhile: what is measured lies between two looks of df.
        let before = try percentByDF()
        let result = await check(probe(.disk(path: "/")))
        let after = try percentByDF()
        #expect(result.answer == .good)
        let used = try #require(result.metric("disk.used"))
        #expect(used.rounded(.up) >= min(before, after) - 1)
        #expect(used.rounded(.up) <= max(before, after) + 1)
        #expect(try #require(result.metric("disk.free")) > 0)
        // Sizes are said as everywhere: in thousands.
        #expect(result.message.hasSuffix("B free") && !result.message.contains("iB"))
    }
    private func percentByDF() throws -> Double {
        let df = Process()
        df.executableURL = URL(filePath: "/bin/df")
        df.arguments = ["--output=pcent", "/"]
        let pipe = Pipe()
        df.standardOutput = pipe
        try df.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        df.waitUntilExit()
        return try #require(Double(text.filter { $0.isNumber }))
    }
    @Test func `a relative path starts at the runbook's folder`() async throws {
        let folder = try TemporaryFolder("disk")
        #expect(await check(probe(.disk(path: ".")), folder: folder.path).answer == .good)
    }
    @Test func `a path that is gone is bad, a place without a disk unknown`() async throws {
        let folder = try TemporaryFolder("disk")
        let gone = await check(probe(.disk(path: folder("gone"))))
        #expect(gone.answer == .bad)
        #expect(gone.message == "\(folder("gone")): No such file or directory")
        #expect(await check(probe(.disk(path: "/proc"))).answer == .unknown)
    }
}

@Suite struct MemoryTests {
    @Test func `this machine's memory is told`() async throws {
        let result = await check(probe(.memory))
        #expect(result.answer == .good)
        let used = try #require(result.metric("memory.used"))
        #expect(used > 0 && used < 100)
        #expect(try #require(result.metric("memory.available")) > 0)
    }
    @Test(arguments: [
        ("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n", 75.0, 256_000.0),
        ("MemTotal: 1000 kB\nMemAvailable: 2000 kB\n", 0, 2_048_000),
    ])
    func `what is available is not used`(text: String, used: Double, available: Double) async throws
    {
        let folder = try TemporaryFolder("memory")
        let file = try folder.write("meminfo", text)
        let result = result(await MemoryCheck(context(), probe(.memory), source: file).find())
        #expect(result.metric("memory.used") == used)
        #expect(result.metric("memory.available") == available)
    }
    @Test(arguments: ["", "MemTotal: 0 kB\nMemAvailable: 0 kB", "MemTotal: x kB", "MemTotal: 5 kB"])
    func `what cannot be read is unknown`(text: String) async throws {
        let folder = try TemporaryFolder("memory")
        let file = try folder.write("meminfo", text)
        let finding = await MemoryCheck(context(), probe(.memory), source: file).find()
        #expect(finding.answer == .unknown)
        let missing = await MemoryCheck(context(), probe(.memory), source: folder("x")).find()
        #expect(missing.answer == .unknown)
    }
}

@Suite struct CPUTests {
    @Test func `this machine's processors are told`() async throws {
        let result = await check(probe(.cpu))
        #expect(result.answer == .good)
        #expect(try #require(result.metric("cpu.load1")) >= 0)
        if let used = result.metric("cpu.used") { #expect(used >= 0 && used <= 100) }
    }
    @Test func `the share is taken between two readings`() async throws {
        let folder = try TemporaryFolder("cpu")
        let context = context()
        let probe = probe(.cpu, timeout: 0.01)
        func used(_ line: String) async throws -> Double? {
            let file = try folder.write("stat", line + "\ncpu0 1 2 3\n")
            return result(await CPUCheck(context, probe, source: file).find()).metric("cpu.used")
        }
        #expect(try await used("cpu  100 0 100 800 0 0 0 0 50 0") == nil)
        #expect(try await used("cpu  150 0 150 800 100 0 0 0 90 0") == 50)
        // Too little time has passed for a share; the last reading still counts.
        #expect(try await used("cpu  151 0 150 800 100 0 0 0 90 0") == nil)
        #expect(try await used("cpu  250 0 150 800 100 0 0 0 90 0") == 100)
        #expect(try await used("cpu  250 0 150 900 100 0 0 0 90 0") == 0)
    }
    @Test func `what cannot be read is unknown`() async throws {
        let folder = try TemporaryFolder("cpu")
        let file = try folder.write("stat", "intr 5\n")
        for source in [file, folder("missing")] {
            let finding = await CPUCheck(context(), probe(.cpu), source: source).find()
            #expect(finding.answer == .unknown)
        }
    }
}

@Suite struct ProcessTests {
    @Test func `processes are found by their command line, and missed when they are gone`()
        async throws
    {
        let folder = try TemporaryFolder("process")
        let name = "worker-\(UInt64.random(in: 0 ... .max))"
        // It waits for its input to end, without a child that would outlive it.
        let script = try folder.script(name, "read line")
        let process = Process()
        process.executableURL = URL(filePath: script)
        process.arguments = ["--port", "5000"]
        process.standardInput = Pipe()
        try process.run()
        defer { kill(process.processIdentifier, SIGKILL) }
        let running = probe(.process(match: "\(name) --p[a-z]+ \\d+$"))
        try await eventually("the script runs") { await check(running).answer == .good }
        let result = await check(running)
        #expect(result.message == "1 process: \(process.processIdentifier)")
        #expect(result.metric("c.p.count") == 1)
        kill(process.processIdentifier, SIGKILL)
        try await eventually("it is gone") { await check(running).answer == .bad }
        let gone = await check(running)
        #expect(gone.message == "no process matches \(name) --p[a-z]+ \\d+$")
        #expect(gone.metric("c.p.count") == 0)
    }
    @Test func `the engine itself and its parent are never found`() async throws {
        let result = await check(probe(.process(match: ".")))
        let numbers = result.message.split { !$0.isNumber }.compactMap { Int32($0) }.dropFirst()
        #expect(!numbers.contains(getpid()) && !numbers.contains(getppid()))
        let everyone = try FileManager.default.contentsOfDirectory(atPath: "/proc")
            .compactMap { Int32($0) }
        #expect(everyone.contains(getpid()))
        #expect(try #require(result.metric("c.p.count")) < Double(everyone.count))
    }
    @Test func `an expression that cannot be read is our fault`() async {
        let result = await check(probe(.process(match: "a(b")))
        #expect(result.answer == .unknown)
        #expect(result.message.contains("a(b"))
    }
}

@Suite struct SystemdTests {
    private func ask(_ lines: String, timeout: Double = 60) async throws -> Finding {
        let folder = try TemporaryFolder("systemd")
        let script = try folder.script("systemctl", lines)
        return await SystemdCheck(
            context(), probe(.systemd(unit: "u"), timeout: timeout), "u", program: script
        ).find()
    }
    @Test(arguments: [
        ("active", "running", CheckResult.Answer.good), ("inactive", "dead", .bad),
        ("failed", "failed", .bad), ("activating", "auto-restart", .degraded),
        ("deactivating", "stop-sigterm", .degraded), ("reloading", "reload", .degraded),
    ])
    func `a unit's state is the answer`(
        active: String, sub: String, answer: CheckResult.Answer
    ) async throws {
        let finding = try await ask(
            "echo SubState=\(sub); echo ActiveState=\(active); echo LoadState=loaded")
        #expect(finding.answer == answer)
        #expect(finding.message == "\(active) (\(sub))")
    }
    @Test func `the unit is asked for as one word`() async throws {
        let finding = try await ask("[ \"$9 ${10}\" = '-- u' ] && echo ActiveState=active")
        #expect(finding.answer == .good)
    }
    @Test(arguments: [
        ("echo LoadState=not-found; echo ActiveState=inactive", "systemd knows no unit u"),
        (
            "echo 'System has not been booted with systemd' >&2; exit 1",
            "systemctl failed (exit status 1): System has not been booted with systemd"
        ),
        ("exit 0", "systemctl said nothing of u"),
        ("kill -9 $$", "systemctl was killed by signal 9"),
    ])
    func `without systemd it is unknown`(lines: String, message: String) async throws {
        let finding = try await ask(lines)
        #expect(finding.answer == .unknown)
        #expect(finding.message == message)
    }
    @Test func `a missing or hanging systemctl is our fault`() async throws {
        let missing = await SystemdCheck(
            context(), probe(.systemd(unit: "u")), "u", program: "/nowhere/systemctl"
        ).find()
        #expect(missing.answer == .unknown)
        #expect(missing.message.contains("needs systemd"))
        let hanging = try await ask("sleep 1000", timeout: 0.3)
        #expect(hanging.answer == .unknown)
        #expect(hanging.message == "systemctl did not answer within 0.3 s")
    }
}
