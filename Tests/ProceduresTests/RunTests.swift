// The works `run` and `shell`: arguments, environment, output, time-outs.
import Domain
import FoundationEssentials
import Glibc
import Procedures
import TestKit
import Testing

@Suite struct RunTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    @Test func `a program runs with its arguments and its end is told`() async throws {
        try await bench.script("bin/say", "echo \"$1\" >> said; echo the last line; exit $2")
        let good = await bench.perform(.run(["./bin/say", "a b", "0"], input: nil))
        #expect(good.end == .succeeded)
        #expect(good.message == "the last line")
        #expect(good.lines == ["$ ./bin/say 'a b' 0", "the last line"])
        #expect(bench.read("said") == "a b\n")
        #expect(good.outcome.seconds > 0)
        let bad = await bench.perform(.run(["./bin/say", "x", "3"], input: nil))
        #expect(bad.end == .failed)
        #expect(bad.message == "exit status 3: the last line")
    }

    @Test func `a relative program starts at the runbook's folder, whatever the working folder`()
        async throws
    {
        try await bench.script("bin/where", "pwd > where; echo $PWD")
        try FileManager.default.createDirectory(
            atPath: bench.root("elsewhere"), withIntermediateDirectories: true)
        var step = Step.run("bin/where")
        step.directory = bench.root("elsewhere")
        #expect(await bench.perform(bench.order(step)).end == .succeeded)
        let said = try String(contentsOfFile: bench.root("elsewhere/where"), encoding: .utf8)
        #expect(said == bench.root("elsewhere") + "\n")
    }

    @Test(arguments: [
        "$(touch x)", "`touch x`", "a; touch x", "a && touch x", "'\"; touch x; \"'", "a\ntouch x",
        "*", "~", "-n", "", "\\", "{{other}}", "$IFS", "a\tb", "👩‍🚒",
    ])
    func `no value ever meets a shell`(_ value: String) async throws {
        try await bench.script("bin/keep", "printf '%s' \"$1\" > kept; printf '%s' $# > number")
        let result = await bench.perform(
            .run(["./bin/keep", "{{value}}"], input: nil), variables: [("value", value)])
        #expect(result.end == .succeeded)
        #expect((bench.read("kept") ?? "") == value)
        #expect(bench.read("number") == "1")
        let shell = await bench.perform(
            .shell("printf '%s' \"$TOCSIN_MY_VALUE\" > shell"), variables: [("my-value", value)])
        #expect(shell.end == .succeeded)
        #expect((bench.read("shell") ?? "") == value)
        #expect(!bench.exists("x"))
    }

    @Test func `a name in a line for the shell is refused with the right way to write it`() async {
        let result = await bench.perform(
            .shell("echo {{reason}}"), variables: [("reason", "$(touch x)")])
        #expect(result.end == .failed)
        #expect(result.message.contains("\"$TOCSIN_REASON\""))
        let dry = await bench.perform(
            .shell("echo {{reason}}"), .dryRun, variables: [("reason", "r")])
        #expect(dry.end == .failed)
    }

    @Test func `a name without a value fails before anything runs`() async {
        let result = await bench.perform(.run(["touch", "{{nothing}}"], input: nil))
        #expect(result.end == .failed)
        #expect(result.message.contains("{{nothing}}"))
    }

    @Test func `input, environment, umask and folder are as the step says`() async throws {
        var step = Step(
            name: "all",
            work: .run(
                ["sh", "-c", "cat > input; echo $GREETING > env; umask > mask"],
                input: "line {{n}}\n"))
        step.environment = [NamedValue(name: "GREETING", value: .plain("hello {{n}}"))]
        step.umask = 0o027
        let result = await bench.perform(bench.order(step, variables: [("n", "1")]))
        #expect(result.end == .succeeded)
        #expect(bench.read("input") == "line 1\n")
        #expect(bench.read("env") == "hello 1\n")
        #expect(bench.read("mask") == "0027\n")
    }

    @Test(.enabled(if: geteuid() == 0)) func `a step runs as the user it names`() async throws {
        chmod(bench.root.path, 0o755)
        chmod(bench.folder, 0o777)
        var step = Step.run("sh", "-c", "id -un > who; id -Gn > groups; echo $HOME > home")
        step.runAs = "nobody"
        let result = await bench.perform(bench.order(step))
        #expect(result.end == .succeeded, "\(result)")
        #expect(bench.read("who") == "nobody\n")
        #expect(bench.read("groups") == "nogroup\n")
        #expect(bench.read("home") == "/nonexistent\n")
        step.runAs = "no-such-user"
        let unknown = await bench.perform(bench.order(step))
        #expect(unknown.end == .failed)
        #expect(unknown.message.contains("there is no such user"))
    }

    @Test func `what cannot be started says why`() async throws {
        try bench.write("plain", "no program")
        for (name, text) in [
            ("noshebang", "echo hi\n"), ("badinterpreter", "#!/no/such/interpreter\n"),
        ] {
            let file = try bench.root.write("folder/\(name).text", text)
            try await bench.install(file, as: bench.root("folder/\(name)"))
        }
        let cases: [([String], String)] = [
            (["./missing"], "there is no such file"), (["./plain"], "it is not executable"),
            (["no-such-program-anywhere"], "there is no such program in"),
            ([], "there is no program to run"), (["./noshebang"], "begins with #!"),
            (["./badinterpreter"], "its interpreter"),
        ]
        for (arguments, words) in cases {
            let result = await bench.perform(.run(arguments, input: nil))
            #expect(result.end == .failed)
            #expect(result.message.contains(words), "\(result.message)")
        }
        var step = Step.run("true")
        step.directory = "/no/such/folder"
        let result = await bench.perform(bench.order(step))
        #expect(result.end == .failed)
        #expect(result.message.contains("/no/such/folder"))
    }

    @Test func `a killed program has failed with its signal`() async {
        let result = await bench.perform(.shell("kill -9 $$"))
        #expect(result.end == .failed)
        #expect(result.message == "ended by signal 9")
    }

    @Test func `a time-out ends the program and its children`() async throws {
        let result = await bench.perform(
            .shell("sleep 1000 & echo $! > child; trap '' HUP; echo waiting; wait"),
            timeout: .milliseconds(300))
        #expect(result.end == .failed)
        #expect(result.message == "ended after 300ms, its time-out: waiting")
        let child = try #require(pid_t((bench.read("child") ?? "").trimmingSuffix()))
        #expect(!isAlive(child))
    }

    @Test func `a child that ignores the polite signal is killed`() async throws {
        // The leader goes at once; its child does not listen.
        let result = await bench.perform(
            .shell(
                "sh -c 'trap \"\" TERM; echo $$ > deaf; while :; do sleep 0.1; done' & sleep 1000"),
            timeout: .milliseconds(300))
        #expect(result.end == .failed)
        let child = try #require(pid_t((bench.read("deaf") ?? "").trimmingSuffix()))
        #expect(!isAlive(child))
    }

    @Test func `a daemon that keeps the output open neither holds the step up nor dies`()
        async throws
    {
        let result = await bench.perform(
            .shell(
                "setsid sh -c 'echo $$ > daemon; while [ ! -e stop ]; do echo noise; sleep 0.02; done' & "
                    + "while [ ! -s daemon ]; do sleep 0.01; done; echo started"),
            timeout: .seconds(60))
        #expect(result.end == .succeeded)
        let daemon = try #require(pid_t((bench.read("daemon") ?? "").trimmingSuffix()))
        #expect(isAlive(daemon))
        try bench.write("stop", "")
        try await eventually("the daemon has ended") { !isAlive(daemon) }
    }

    @Test func `a daemon may say more than anybody keeps, and ends when it wants to`() async throws
    {
        let result = await bench.perform(
            .shell(
                "setsid sh -c 'echo $$ > daemon; while [ ! -e flood ]; do sleep 0.02; done; "
                    + "head -c 5000000 /dev/zero; echo done > flooded' & "
                    + "while [ ! -s daemon ]; do sleep 0.01; done; echo started"),
            timeout: .seconds(60))
        #expect(result.end == .succeeded)
        #expect(result.message == "started")
        try bench.write("flood", "")
        try await eventually("it was not stuck") { bench.read("flooded") == "done\n" }
        let daemon = try #require(pid_t((bench.read("daemon") ?? "").trimmingSuffix()))
        try await eventually("it has ended") { !isAlive(daemon) }
    }

    @Test func `a script may open its output anew, and loses nothing`() async throws {
        var step = Step.run(
            "sh", "-c",
            "echo one; echo two > /dev/stderr; echo three; echo four > /dev/stdout; echo five >&2")
        let result = await bench.perform(bench.order(step))
        #expect(result.lines.dropFirst() == ["one", "two", "three", "four", "five"])
        guard geteuid() == 0 else { return }
        chmod(bench.root.path, 0o755)
        chmod(bench.folder, 0o777)
        step.runAs = "nobody"
        let other = await bench.perform(bench.order(step))
        #expect(other.lines.dropFirst() == ["one", "two", "three", "four", "five"])
    }

    @Test func `the beginning and the end of much output are kept`() async throws {
        let order = bench.order(
            .run("sh", "-c", "echo first; seq 1 200000; printf 'last without line feed'"))
        let result = await bench.perform(order)
        #expect(result.end == .succeeded)
        #expect(result.message == "last without line feed")
        #expect(result.lines.contains("first"))
        #expect(result.lines.last == "last without line feed")
        #expect(result.lines.contains("200000"))
        let log = try String(contentsOfFile: order.runDirectory + "/output.log", encoding: .utf8)
        #expect(log.utf8.count < 600_000)
        #expect(log.utf8.count > 500_000)
        #expect(log.contains("\n… "))
        #expect(log.contains(" bytes left out …\n"))
        #expect(log.hasPrefix("$ sh -c"))
        #expect(log.hasSuffix("200000\nlast without line feed"))
        #expect(!FileManager.default.fileExists(atPath: order.runDirectory + "/output.pipe"))
    }

    @Test func `a flood of output takes no memory, no disk and no time`() async throws {
        let order = bench.order(
            Step(name: "flood", work: .run(["yes"], input: nil), timeout: .seconds(1)))
        let result = await bench.perform(order)
        #expect(result.end == .failed)
        let log =
            try FileManager.default.attributesOfItem(
                atPath: order.runDirectory + "/output.log")[.size] as? Int
        #expect(try #require(log) < 600_000)
    }

    @Test func `lines of a megabyte, control characters and broken text are made harmless`()
        async throws
    {
        try await bench.script(
            "bin/odd",
            """
            head -c 1000000 /dev/zero | tr '\\0' x; echo
            printf 'a\\033[31mb\\007\\tc\\n'
            printf '10%%\\r20%%\\r\\n'
            printf '\\377\\376\\n'
            echo end
            """)
        let result = await bench.perform(.run(["bin/odd"], input: nil))
        #expect(result.end == .succeeded)
        // Of so much in so short a time, a part may be left out.
        let lines = result.lines.filter { !$0.hasPrefix("… ") }
        try #require(lines.count == 7)
        #expect(lines[1].count == 2001)
        #expect(
            Array(lines[2...]) == ["a␛[31mb␇ c", "10%", "20%", "\u{FFFD}\u{FFFD}", "end"])
    }

    @Test func `secrets reach the program, and nothing else`() async throws {
        let secret = "s3cr3t'\"$(touch x)value"
        let file = try bench.root.write("state/key", secret)
        var step = Step.run(
            "sh", "-c",
            "printf %s \"$KEY\" > key; echo \"it is $KEY!\"; printf '%s' \"$KEY\"; exit 1")
        step.environment = [NamedValue(name: "KEY", value: .secret(.file(file)))]
        let order = bench.order(step)
        let result = await bench.perform(order)
        #expect(bench.read("key") == secret)
        #expect(result.lines.suffix(2) == ["it is •••!", "•••"])
        #expect(result.message == "exit status 1: •••")
        for name in try FileManager.default.contentsOfDirectory(atPath: order.runDirectory) {
            let content = try Data(contentsOf: URL(filePath: order.runDirectory + "/" + name))
            #expect(content.firstRange(of: Data("s3cr3t".utf8)) == nil, "\(name)")
        }
    }

    @Test(arguments: [
        "a%20b%21%2Fc%27%C3%BC%22", "a%20b%21%2fc%27%c3%bc%22", "a+b%21%2Fc%27%C3%BC%22",
        "a%20b!%2Fc'%C3%BC%22", "a b!/c'ü\\\"", "a b!\\/c'ü\\\"", "a b!/c'\\u00fc\\\"",
        "a b!\\/c\\u0027\\u00FC\\\"",
    ])
    func `a secret is known in other spellings, also across blocks`(_ spelling: String) async throws
    {
        let file = try bench.root.write("state/key", "a b!/c'ü\"")
        let (first, last) = (spelling.prefix(4), spelling.dropFirst(4))
        try bench.write("first", String(first))
        try bench.write("last", String(last) + ".")
        var step = Step.run("sh", "-c", "cat first; sleep 0.2; cat last; exit 1")
        step.environment = [NamedValue(name: "KEY", value: .secret(.file(file)))]
        let result = await bench.perform(bench.order(step))
        #expect(result.lines.last == "•••.")
        #expect(result.message == "exit status 1: •••.")
    }

    @Test func `a missing secret names itself and nothing runs`() async throws {
        var step = Step.run("touch", "ran")
        step.environment = [NamedValue(name: "KEY", value: .secret(.environment("TOCSIN_NO_SUCH")))]
        let result = await bench.perform(bench.order(step))
        #expect(result.end == .failed)
        #expect(result.message.contains("{env: TOCSIN_NO_SUCH}"))
        #expect(!bench.exists("ran"))
    }

    @Test func `check skips, verify decides, retries try again`() async throws {
        var step = Step.run("sh", "-c", "echo x >> runs; [ $(wc -l < runs) -ge 3 ]")
        step.check = .run(["test", "-e", "done"], input: nil)
        step.verify = .run(["test", "-e", "good"], input: nil)
        step.retries = 3
        step.retryPause = .milliseconds(1)
        let unverified = await bench.perform(bench.order(step))
        #expect(unverified.end == .failed)
        #expect(unverified.message.contains("but verify: exit status 1"))
        #expect(bench.count("runs") == 3)
        try bench.write("good", "")
        let good = await bench.perform(bench.order(step))
        #expect(good.end == .succeeded)
        #expect(bench.count("runs") == 4)
        try bench.write("done", "")
        #expect(await bench.perform(bench.order(step)).end == .alreadyDone)
        #expect(await bench.perform(bench.order(step, .dryRun)).end == .alreadyDone)
        #expect(bench.count("runs") == 4)
    }

    @Test func `a check that cannot be made decides nothing`() async throws {
        var step = Step.run("touch", "ran")
        for check in [
            Work.run(["./missing"], input: nil), .shell("kill -9 $$"), .remove(["x"]),
            .probe(ProbeReference(component: "web", probe: "home"), within: .seconds(1)),
        ] {
            step.check = check
            let result = await bench.perform(bench.order(step))
            #expect(result.end == .failed, "\(check)")
            #expect(!bench.exists("ran"))
        }
    }

    @Test func `undo runs what the runbook says, and is honest where it says nothing`() async throws
    {
        var step = Step.run("touch", "made")
        #expect(await bench.perform(bench.order(step)).end == .succeeded)
        let none = await bench.perform(bench.order(step, .undo))
        #expect(none.end == .failed)
        #expect(none.message.contains("cannot be taken back"))
        step.undo = .run(["rm", "made"], input: nil)
        #expect(await bench.perform(bench.order(step, .undo)).end == .succeeded)
        #expect(!bench.exists("made"))
        let look = Step(name: "backup", work: .backup)
        #expect(await bench.perform(bench.order(look, .undo)).end == .succeeded)
    }

    @Test func `a dry run runs nothing`() async throws {
        let good = await bench.perform(.run(["touch", "ran"], input: nil), .dryRun)
        #expect(good.end == .wouldRun)
        #expect(good.message.contains("touch ran"))
        let bad = await bench.perform(.run(["./missing", "x"], input: nil), .dryRun)
        #expect(bad.end == .failed)
        // Who shows it says that it would fail.
        #expect(bad.message.hasPrefix("cannot run ("), "\(bad.message)")
        #expect(await bench.perform(.shell("touch ran"), .dryRun).end == .wouldRun)
        #expect(!bench.exists("ran"))
    }

    @Test func `a check that does not answer in a dry run is not waited for`() async throws {
        var step = Step.run("touch", "ran")
        step.check = .run(["sleep", "1000"], input: nil)
        step.timeout = .milliseconds(200)
        let result = await bench.perform(bench.order(step, .dryRun))
        #expect(result.end == .failed)
        #expect(
            result.message
                == "cannot check (sleep 1000): it did not answer within 200ms")
        let server = try ScriptedServer { $0.waitForEnd() }
        step.check = .http(
            HTTPRequest(url: .plain("http://127.0.0.1:\(server.port)/")),
            expect: Domain.Expectation(), keepCookies: false)
        let asked = await bench.perform(bench.order(step, .dryRun))
        // When the service does not answer, it is not well: then the step would run.
        #expect(asked.end == .wouldRun)
        #expect(
            asked.message.hasSuffix("; its check did not answer within 200ms, so it does not hold"),
            "\(asked)")
        #expect(!bench.exists("ran"))
    }

    @Test func `the engine's own works never run here`() async {
        for work in [
            Work.wait(.seconds(1)), .confirm("x"), .assess, .playbook("p"), .action("a"),
            .undoAction("a"), .rollback("emergency"), .fallback("f", enable: true),
            .statusPage(status: "s", message: "m"), .calm(within: .seconds(1)),
            .notify(NotifyWork(roles: [], via: [], title: "", text: "")),
        ] {
            let result = await bench.perform(work)
            #expect(result.end == .failed)
            #expect(result.message.contains("not a runner's step"))
        }
    }
}

extension String {
    func trimmingSuffix() -> String { String(prefix { $0 != "\n" }) }
}
extension Span {
    static func milliseconds(_ value: Double) -> Span { .seconds(value / 1000) }
}
