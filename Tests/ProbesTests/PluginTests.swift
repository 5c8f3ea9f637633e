// The nagios probe: real plugins, hostile ones, and what their output means.
import Domain
import Glibc
import TestKit
import Testing

@testable import Probes

private let plugins = "/usr/lib/nagios/plugins"

@Suite(.timeLimit(.minutes(5))) struct PluginTests {
    @Test(arguments: [
        (0, CheckResult.Answer.good), (1, .degraded), (2, .bad), (3, .unknown),
    ])
    func `a real plugin's exit status is the answer`(
        status: Int, answer: CheckResult.Answer
    ) async {
        let result = await check(
            probe(.nagios(run: ["\(plugins)/check_dummy", "\(status)", "as you wish"])))
        #expect(result.answer == answer)
        #expect(result.message.hasSuffix("as you wish"))
    }
    @Test func `a real plugin's perfdata are metrics`() async {
        let rule = MetricRule(name: "host.load", source: .perfdata("load5"), unit: "")
        let result = await check(
            probe(
                .nagios(run: ["\(plugins)/check_load", "-w", "900,900,900", "-c", "999,999,999"]),
                metrics: [rule]))
        #expect(result.answer == .good)
        #expect(
            result.metrics.map(\.name) == ["c.p.load1", "c.p.load5", "c.p.load15", "host.load"])
        #expect(result.metric("host.load") == result.metric("c.p.load5"))
    }
    private func run(
        _ lines: String, timeout: Double = 60, metrics: [MetricRule] = []
    ) async throws -> CheckResult {
        let folder = try TemporaryFolder("plugin")
        let script = try folder.script("plugin", lines)
        return await check(
            probe(.nagios(run: [script]), metrics: metrics, timeout: timeout), folder: folder.path)
    }
    @Test func `a megabyte of output does no harm`() async throws {
        let result = try await run(
            "echo 'OK - big | a=1'; head -c 1048576 /dev/zero | tr '\\0' x; echo; exit 0")
        #expect(result.answer == .good)
        #expect(result.message == "OK - big")
        #expect(result.metric("c.p.a") == 1)
    }
    @Test func `one line of a megabyte is cut`() async throws {
        let result = try await run("head -c 1048576 /dev/zero | tr '\\0' x; exit 2")
        #expect(result.answer == .bad)
        #expect(result.message.count == 500)
    }
    @Test func `control characters are made visible`() async throws {
        let result = try await run(#"printf 'OK\033[2J\007\r\n'; exit 0"#)
        #expect(result.message == "OK␛[2J␇")
    }
    @Test(arguments: [
        ("echo odd; exit 4", "exit status 4 (a plugin answers 0 to 3): odd"),
        ("echo odd; exit 255", "exit status 255 (a plugin answers 0 to 3): odd"),
        ("echo dying; kill -9 $$", "the plugin was killed by signal 9: dying"),
        ("exit 3", "(no output)"), ("echo trouble >&2; exit 3", "trouble"),
    ])
    func `what is no answer of a plugin is unknown`(lines: String, message: String) async throws {
        let result = try await run(lines)
        #expect(result.answer == .unknown)
        #expect(result.message == message)
    }
    @Test func `a plugin that cannot be started is our fault`() async throws {
        let folder = try TemporaryFolder("plugin")
        let plain = try folder.write("plain", "no program")
        for path in [folder("missing"), plain, folder.path] {
            let result = await check(probe(.nagios(run: [path])))
            #expect(result.answer == .unknown)
            #expect(result.message.hasPrefix("cannot start \(path): "))
        }
        let gone = await check(probe(.nagios(run: ["true"])), folder: folder("missing"))
        #expect(gone.answer == .unknown)
    }
    @Test func `a relative plugin starts at the runbook's folder, and in it`() async throws {
        let folder = try TemporaryFolder("plugin")
        _ = try folder.script("bin/where", "pwd; exit 0")
        let result = await check(probe(.nagios(run: ["./bin/where"])), folder: folder.path)
        #expect(result.message == folder.path)
    }
    @Test func `a plugin that hangs is ended with everything it started`() async throws {
        let folder = try TemporaryFolder("plugin")
        let script = try folder.script(
            "hang", "sleep 1000 & echo $$ $! > \(folder("pids")); echo half; wait")
        var processes: [Int32] = []
        // On a machine that is busy, a second may be too short to start anything.
        try await eventually("it was started, and ended in time") {
            let result = await check(
                probe(.nagios(run: [script]), timeout: 1), folder: folder.path)
            #expect(result.answer == .bad)
            #expect(result.message == "no answer within 1 s")
            processes = (readWhole(folder("pids")) ?? "").split(whereSeparator: \.isWhitespace)
                .compactMap { Int32($0) }
            return processes.count == 2
        }
        let started = processes
        try await eventually("both are gone") { !started.contains(where: isAlive) }
    }
    @Test func `a child that holds the pipe delays nothing and does not survive`() async throws {
        let folder = try TemporaryFolder("plugin")
        let script = try folder.script(
            "leave", "sleep 1000 & echo $! > \(folder("pid")); echo OK; exit 0")
        let result = await check(
            probe(.nagios(run: [script]), timeout: 3600), folder: folder.path)
        #expect(result.answer == .good)
        #expect(result.message == "OK")
        let process = try #require(
            readWhole(folder("pid")).flatMap { Int32($0.split(separator: "\n")[0]) })
        try await eventually("it is gone") { !isAlive(process) }
    }
    @Test func `a child that has left the group delays nothing either`() async throws {
        let folder = try TemporaryFolder("plugin")
        let script = try folder.script(
            "leave", "setsid sleep 1000 & echo $! > \(folder("pid")); echo OK; exit 0")
        let result = await check(
            probe(.nagios(run: [script]), timeout: 3600), folder: folder.path)
        #expect(result.answer == .good)
        let process = try #require(
            readWhole(folder("pid")).flatMap { Int32($0.split(separator: "\n")[0]) })
        kill(process, SIGKILL)
    }
    @Test func `a plugin that never stops printing is ended in time`() async throws {
        let result = try await run("yes", timeout: 0.5)
        #expect(result.answer == .bad)
        #expect(result.metrics.isEmpty)
    }
    @Test func `a plugin finds no terminal, no input, no foreign descriptors`() async throws {
        let result = try await run(
            "read line; ls /proc/self/fd | tr '\\n' ' '; (: </dev/tty) 2>/dev/null && echo tty; exit 0"
        )
        // 3 is the folder that ls itself has opened.
        #expect(result.message == "0 1 2 3")
    }
    @Test func `numbers are printed with points, whatever the language`() async throws {
        let result = try await run("echo $LC_ALL; exit 0")
        #expect(result.message == "C.UTF-8")
    }
}

@Suite struct PluginOutputTests {
    private func read(_ text: String, isCut: Bool = false) -> PluginOutput {
        PluginOutput(Array(text.utf8), isCut: isCut)
    }
    private func list(_ output: PluginOutput) -> [String] {
        output.measurements.map { "\($0.label)=\($0.value)\($0.unit)" }
    }
    @Test(arguments: [
        ("OK", []), ("OK | ", []), ("OK|a=1", ["a=1.0"]),
        ("OK | /=2643MB;5948;5958;0;5968", ["/=2643.0MB"]),
        ("OK | time=0.5s;;;0.000;10 size=100B;;;0", ["time=0.5s", "size=100.0B"]),
        ("OK | 'a b'=1% 'it''s'=2c '=x'=3", ["a b=1.0%", "it's=2.0c", "=x=3.0"]),
        ("OK | a=-1.5 b=+2 c=1e3ms d=.5", ["a=-1.5", "b=2.0", "c=1000.0ms", "d=0.5"]),
        ("OK | a=U b= c d=1", ["d=1.0"]), ("OK | a=nan b=inf c=1e999 d=0x1F", ["d=0.0x1F"]),
        ("OK | =1 ''=2 a=3", ["a=3.0"]), ("OK | 'open=1", []), ("OK | a=1;@10:20;~:30", ["a=1.0"]),
        ("OK | a=1,5", ["a=1.0,5"]), ("OK | a=5E", ["a=5.0E"]), ("OK | a=--1 b=1-2", []),
    ])
    func `perfdata are read`(line: String, measurements: [String]) {
        #expect(list(read(line)) == measurements)
    }
    @Test func `output of many lines is read as the plugin guidelines say`() {
        let output = read(
            """
            DISK OK - free space: / 3326 MB (56%); | /=2643MB;5948;5958;0;5968
            / 15272 MB (77%);
            /boot 68 MB (69%); | /boot=68MB;88;93;0;98
            /home=69357MB;253404;253409;0;253414
            /var/log=818MB;970;975;0;980
            """)
        #expect(output.text == "DISK OK - free space: / 3326 MB (56%);")
        #expect(
            list(output) == ["/=2643.0MB", "/boot=68.0MB", "/home=69357.0MB", "/var/log=818.0MB"])
    }
    @Test func `the last measurement of a cut output is not trusted`() {
        #expect(list(read("OK | a=1 b=12", isCut: true)) == ["a=1.0"])
        #expect(list(read("OK | a=1\nlong te", isCut: true)) == ["a=1.0"])
        #expect(list(read("OK | a=1\nlong | b=2\nc=34", isCut: true)) == ["a=1.0", "b=2.0"])
    }
    @Test func `no output has more measurements than a plugin could mean`() {
        let many = (0..<5000).map { "l\($0)=1" }.joined(separator: " ")
        #expect(read("OK | " + many).measurements.count == PluginOutput.measurementLimit)
    }
    @Test func `any bytes can be read`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let alphabet = Array("a'=|; \n1.eU\u{0}\u{FF}%".utf8)
            let bytes = (0..<Int.random(in: 0..<80, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
            let output = PluginOutput(bytes, isCut: Bool.random(using: &random))
            #expect(output.measurements.allSatisfy { $0.value.isFinite && !$0.label.isEmpty })
        }
    }
}
