// Several mistakes at once, and what the file as a whole can be.
import Domain
import FoundationEssentials
import RunbookFile
import TestKit
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct ProblemListTests {
    @Test func `ten mistakes are ten messages`() throws {
        var text = try Example.text()
        for (old, new) in [
            ("  title: Notification service\n", "  titel: Notification service\n"),
            ("email: tomas@example.com", "email: tomas"),
            ("includes: [senior-administrator,", "includes: [senior-administratr,"),
            ("respond_within: 5m", "respond_within: -5m"),
            ("routing_key: { env: PAGERDUTY_KEY }", "routing_key: 0123456789abcdef"),
            ("depends_on: [web]  ", "depends_on: [delivery, web]  "),
            ("depends_on: [web, database]", "depends_on: [websocket, database]"),
            ("when: delivery.error_rate > 10,", "when: delivery.error_rate >> 10,"),
            ("check: { run: [iptables", "check: { rum: [iptables"),
            ("edit: { file: .env,", "edit: { file: .env, file: .env,"),
            ("every: quarterly", "every: fortnight"),
        ] {
            let range = try #require(text.firstRange(of: old), "the example does not hold \(old)")
            text.replaceSubrange(range, with: new)
        }
        let result = check(text)
        #expect(result.runbook == nil)
        #expect(
            result.problems.map(\.short) == [
                "12:3: unknown key `titel` in `service`; did you mean `title`?",
                "19:52: `email` is not an e-mail address: `tomas`; such as name@example.com",
                "29:40: no role is called `senior-administratr`; did you mean `senior-administrator`?",
                "49:31: `routing_key` is a secret and must not be written in the runbook; write `{ env: NAME }` or `{ file: PATH }`",
                "63:40: `respond_within` cannot be negative: `-5m`",
                "117:18: `depends_on` of the components goes in a circle: websocket → delivery → websocket; leave one of them out",
                "160:54: `when`: expected a metric, a number or a state such as `component web down`, found `>`",
                "197:18: unknown key `rum` in `check` or `verify`; did you mean `run`?",
                "262:61: the key `file` is given twice (first in line 262); keep one of them",
                "296:87: `every` cannot be `fortnight`; choices: `weekly`, `monthly`, `quarterly`, `yearly`",
            ])
    }

    @Test func `a problem is written as compilers write them`() throws {
        let problem = try #require(check(small("gages: []\n")).problems.first)
        #expect(
            problem.description
                == "/srv/book/tocsin.yaml:4:1: error: unknown key `gages` in a runbook; did you mean `gauges`?"
        )
    }

    @Test func `problems come in the order of the file, warnings among them`() throws {
        let result = check(
            small(
                """
                data_sources: { m: { mysql: { host: h, database: d, user: u, password: { env: GONE } } } }
                pages: [ftp://x]
                gages: []
                """))
        #expect(result.runbook == nil)
        #expect(result.problems.map(\.line) == [4, 5, 6])
        #expect(result.problems.map(\.severity) == [.warning, .error, .error])
    }

    @Test func `more problems than anybody reads are counted`() {
        let many = (0..<3000).map { "  - http://h\($0):0/\n" }.joined()
        let problems = check(small("pages:\n" + many)).problems
        #expect(problems.count == 1001)
        #expect(problems.last?.message == "only the first 1000 errors that were found are listed")
    }

    @Test func `an error behind a thousand warnings is not lost`() {
        let many = (0..<1200).map {
            "  c\($0): { slack: { url: { env: GONE } } }\n"
        }.joined()
        let result = check(small("channels:\n" + many + "pages: [x]\n"))
        #expect(result.runbook == nil)
        #expect(result.problems.count == 1001)
        #expect(result.problems.last?.message.hasPrefix("an item of `pages`") == true)
    }

    // MARK: The file

    @Test func `a file that cannot be read is a problem`() throws {
        let folder = try TemporaryFolder()
        #expect(
            RunbookFile.load(path: folder("none.yaml"), environment: [:]).problems.map(\.short) == [
                "1:1: the runbook cannot be opened: No such file or directory; `tocsin init` writes a first one"
            ])
        #expect(
            RunbookFile.load(path: folder.path, environment: [:]).problems.map(\.message) == [
                "the runbook is not a regular file"
            ])
        let pipe = folder("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(
            RunbookFile.load(path: pipe, environment: [:]).problems.map(\.message) == [
                "the runbook is not a regular file"
            ])
        let large = try folder.write("large.yaml", String(repeating: "# x\n", count: 1_048_577))
        #expect(
            RunbookFile.load(path: large, environment: [:]).problems.map(\.message) == [
                "the runbook is larger than 4 MiB"
            ])
        let empty = try folder.write("empty.yaml", "# nothing\n")
        #expect(
            RunbookFile.load(path: empty, environment: [:]).problems.map(\.message) == [
                "the runbook is empty"
            ])
    }

    @Test func `text that is not UTF-8 is shown where it breaks`() throws {
        let folder = try TemporaryFolder()
        let path = folder("latin.yaml")
        try Data(Array("version: 1\nservice: { name: gr".utf8) + [0xFC] + Array("n }\n".utf8))
            .write(
                to: URL(filePath: path))
        #expect(
            RunbookFile.load(path: path, environment: [:]).problems.map(\.short) == [
                "2:20: this is not UTF-8 text; save the runbook as UTF-8"
            ])
    }

    @Test func `a byte order mark and line ends of Windows do not matter`() throws {
        let folder = try TemporaryFolder()
        let text = "\u{FEFF}" + small().split(separator: "\n").joined(separator: "\r\n") + "\r\n"
        let path = try folder.write("windows.yaml", text)
        let result = RunbookFile.load(path: path, environment: [:])
        #expect(result.problems == [])
        #expect(
            result.runbook?.components.first?.probes.first?.check
                == .tcp(host: "127.0.0.1", port: 80))
    }

    @Test func `relative paths start at the runbook's folder`() throws {
        let text = small(
            """
            data_sources:
              a: { sqlite: { path: data/../a.db } }
              b: { sqlite: { path: /var/b.db } }
            units: { u: { start: [bin/start, bin/x], stop: [stop], status: [./status] } }
            channels: { hook: { webhook: { url: "http://h/", secret: { file: key } } } }
            actions: { a: { steps: [ { name: x, run: [./x], cwd: work } ] } }
            backup: { to: saved, files: [a] }
            """)
        let book = try #require(
            RunbookFile.check(text: text, path: "/srv/../etc/./book/t.yaml", environment: [:])
                .runbook)
        #expect(book.path == "/etc/book/t.yaml")
        #expect(book.folder == "/etc/book")
        #expect(
            book.sources.map(\.kind) == [
                .sqlite(path: "/etc/book/a.db"), .sqlite(path: "/var/b.db"),
            ])
        #expect(
            book.units == [
                ServiceUnit(
                    name: "u", start: ["/etc/book/bin/start", "bin/x"], stop: ["stop"],
                    status: ["/etc/book/status"])
            ])
        #expect(
            book.channels[0].kind
                == .webhook(url: .plain("http://h/"), secret: .file("/etc/book/key")))
        #expect(book.actions[0].steps[0].directory == "/etc/book/work")
        #expect(book.actions[0].steps[0].work == .run(["./x"], input: nil))
        #expect(book.backup.to == "/etc/book/saved")
        let relative = try #require(
            RunbookFile.check(text: small(), path: "t.yaml", environment: [:]).runbook)
        #expect(relative.path == FileManager.default.currentDirectoryPath + "/t.yaml")
    }
}
