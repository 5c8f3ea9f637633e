// Nothing that an operator, a runbook's value or a server says reaches a shell or becomes an option.
import Domain
import Files
import FoundationEssentials
import Glibc
import Procedures
import Synchronization
import TestKit
import Testing

@Suite struct InjectionTests {
    let bench: Bench
    let performer = RunnerStepPerformer(executable: [Bench.program])

    init() async throws {
        bench = try Bench()
        try await bench.script("bin/keep", "printf '%s\\0' \"$@\" > kept")
    }

    /// What a shell, tar, git, printf or a terminal would make something of.
    static let values = [
        "$(touch x)`touch x`", "a; touch x & touch x | touch x && touch x", "'\"'; touch x; '\"'",
        "a\ntouch x\n", "--checkpoint-action=exec=touch x", "-x", "--", "-rf *",
        "{{reason}} {{v}} %s%n $HOME ${IFS} ~ * \\", "\u{1B}]0;touch x\u{07}\u{1B}[31m",
        "<>?[a-z]!",
    ]
    /// Those that may be names of files.
    static let names = values.map { $0.replacing("/", with: "") }

    private func perform(
        _ step: Step, _ mode: StepOrder.Mode, _ value: String,
        sources: [DataSource] = [], units: [ServiceUnit] = [], backup: BackupDefinition? = nil
    ) async -> Bench.Result {
        let lines = Lines()
        let order = bench.order(
            step, mode, variables: [("v", value), ("reason", value), ("service", value)],
            sources: sources, units: units, backup: backup)
        let outcome = await performer.perform(order) { lines.add($0) }
        return Bench.Result(outcome: outcome, lines: lines.all)
    }
    private func perform(
        _ work: Work, _ mode: StepOrder.Mode, _ value: String
    ) async -> Bench.Result {
        await perform(Step(name: value, work: work), mode, value)
    }
    private func perform(_ work: Work, _ value: String) async -> Bench.Result {
        await perform(work, .perform, value)
    }

    /// No `x` anywhere, and no control character in anything that people see.
    private func expectHarmless(
        _ results: Bench.Result..., from place: SourceLocation = #_sourceLocation
    ) throws {
        try Files.walk(RawPath(bench.root.path)) { path, _ in
            #expect(path.lastName != RawPath("x"), "\(path)", sourceLocation: place)
        }
        #expect(!FileManager.default.fileExists(atPath: "x"), sourceLocation: place)
        for result in results {
            for text in result.lines + [result.message] {
                #expect(
                    !text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F },
                    "\(text)", sourceLocation: place)
            }
        }
    }
    private var kept: [String] {
        (bench.read("kept") ?? "").split(separator: "\0", omittingEmptySubsequences: false)
            .dropLast().map(String.init)
    }

    @Test(arguments: values)
    func `arguments, input and environment arrive byte for byte`(_ value: String) async throws {
        let plain = await perform(.run(["bin/keep", value, "{{v}}", "a{{v}}b"], input: nil), value)
        // What the runbook writes is filled in; what is filled in is not read again.
        if !value.contains("{{") {
            #expect(kept == [value, value, "a\(value)b"])
        } else {
            #expect(kept.dropFirst() == [value, "a\(value)b"])
        }
        var step = Step(
            name: value,
            work: .run(
                ["sh", "-c", "cat > input; printf '%s' \"$GIVEN\" > given"], input: "{{v}}"))
        step.environment = [NamedValue(name: "GIVEN", value: .plain("{{v}}"))]
        let fed = await perform(step, .perform, value)
        #expect(bench.read("input") == value)
        #expect(bench.read("given") == value)
        let shell = await perform(
            .shell(
                "printf '%s' \"$TOCSIN_REASON\" > shell; printf '%s' \"$TOCSIN_SERVICE\" > service"),
            value)
        #expect(bench.read("shell") == value)
        #expect(bench.read("service") == value)
        // What a program says is text, whatever it says.
        let said = await perform(.run(["printf", "%s", "{{v}}"], input: nil), value)
        #expect(said.end == .succeeded)
        try expectHarmless(plain, fed, shell, said)
    }

    @Test func `a NUL is refused before anything runs`() async throws {
        for work in [
            Work.run(["touch", "ran", "{{v}}"], input: nil), .remove(["{{v}}"]),
            .edit(EditWork(file: "{{v}}", insertLines: ["a"])),
            .edit(EditWork(file: "bin/keep", insertLines: ["{{v}}"])),
            .restore(.git(revision: "{{v}}", paths: ["a"])),
            .service(.start, unit: "a\0b"),
        ] {
            let result = await perform(work, "a\0b")
            #expect(result.end == .failed, "\(work)")
            try expectHarmless(result)
        }
        #expect(!bench.exists("ran"))
    }

    @Test(arguments: values)
    func `names of programs, users, folders and units are names`(_ value: String) async throws {
        let program = await perform(.run([value], input: nil), value)
        #expect(program.end == .failed)
        var step = Step.run("touch", "ran")
        step.runAs = value
        let user = await perform(step, .perform, value)
        #expect(user.end == .failed)
        step = Step.run("touch", "ran")
        step.directory = bench.root(value)
        let folder = await perform(step, .perform, value)
        #expect(folder.end == .failed)
        #expect(!bench.exists("ran"))
        try await bench.script(
            "fake/systemctl",
            """
            printf '%s\\0' "$@" >> asked
            case "$1" in start) echo > up ;; is-active) test -e up ;; esac
            """)
        step = Step(name: value, work: .service(.start, unit: value))
        step.environment = [
            NamedValue(name: "PATH", value: .plain("\(bench.folder)/fake:/usr/bin:/bin"))
        ]
        let unit = await perform(step, .perform, value)
        #expect(unit.end == .succeeded, "\(unit)")
        let asked = (bench.read("asked") ?? "").split(
            separator: "\0", omittingEmptySubsequences: false)
        #expect(asked.contains { $0 == value })
        // Whatever comes after it is no option.
        #expect(asked.contains("--"))
        let own = await perform(
            Step(name: value, work: .service(.start, unit: value)), .perform, value,
            units: [
                ServiceUnit(
                    name: value, start: ["bin/keep", value], stop: ["true"], status: ["true"])
            ])
        #expect(own.end == .succeeded)
        #expect(kept == [value])
        try expectHarmless(program, user, folder, unit, own)
    }

    @Test(arguments: names)
    func `names of files are names, in every work that has some`(_ name: String) async throws {
        try bench.write(name, "content\nold\n")
        try bench.write("legacy/\(name)", "legacy")
        let before = try bench.picture()
        let edit = Work.edit(
            EditWork(
                file: "{{v}}", deleteLines: ["{{v}}"],
                replace: [Replacement(old: "old", new: "new")], insertLines: ["added"]))
        let edited = await perform(edit, name)
        #expect(edited.end == .succeeded, "\(edited)")
        #expect(bench.read(name) == "content\nnew\nadded\n")
        #expect(await perform(edit, .undo, name).end == .succeeded)
        let removed = await perform(.remove(["{{v}}"]), name)
        #expect(removed.end == .succeeded, "\(removed)")
        #expect(!bench.exists(name))
        #expect(await perform(.remove(["{{v}}"]), .undo, name).end == .succeeded)
        #expect(try bench.picture() == before)
        let copy = Work.restore(.copy(folder: "legacy", paths: ["{{v}}"]))
        let copied = await perform(copy, name)
        #expect(copied.end == .succeeded, "\(copied)")
        #expect(bench.read(name) == "legacy")
        #expect(await perform(copy, .undo, name).end == .succeeded)
        #expect(try bench.picture() == before)
        try expectHarmless(edited, removed, copied)
    }

    @Test(arguments: names)
    func `git and tar take names for names`(_ name: String) async throws {
        try bench.write(name, "legacy")
        let git = "git -c user.name=t -c user.email=t@example.com -c commit.gpgsign=false"
        try await bench.system(
            """
            unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
            git init -q .; git add -A; \(git) commit -qm legacy
            """)
        let archive = name + ".tar"
        try bench.root.write("state/names", name + "\0")
        try await bench.system(
            "tar --create --file ../state/made --null --verbatim-files-from --files-from=../state/names"
        )
        rename(bench.root("state/made"), bench.root("folder/\(archive)"))
        try bench.write(name, "unified")
        let fromGit = Work.restore(.git(revision: "HEAD", paths: ["{{v}}"]))
        let dry = await perform(fromGit, .dryRun, name)
        #expect(dry.end == .wouldRun, "\(dry)")
        let restored = await perform(fromGit, name)
        #expect(restored.end == .succeeded, "\(restored)")
        #expect(bench.read(name) == "legacy")
        try bench.write(name, "unified")
        let fromArchive = Work.restore(.archive(file: "{{v}}.tar", paths: ["{{v}}"]))
        let listed = await perform(fromArchive, .dryRun, name)
        #expect(listed.end == .wouldRun, "\(listed)")
        let unpacked = await perform(fromArchive, name)
        #expect(unpacked.end == .succeeded, "\(unpacked)")
        #expect(bench.read(name) == "legacy")
        let revision = await perform(
            .restore(.git(revision: "{{v}}", paths: ["bin/keep"])), name)
        #expect(revision.end == .failed, "\(revision)")
        try expectHarmless(dry, restored, listed, unpacked, revision)
    }

    @Test(arguments: values)
    func `requests carry values as values, and answers stay text`(_ value: String) async throws {
        let seen = Mutex("")
        let server = try ScriptedServer.http { request in
            seen.withLock { $0 = request }
            return ScriptedServer.answer("token=\(value)|", status: "500 \(Visible.text(value))")
        }
        let address = "http://127.0.0.1:\(server.port)"
        let asked = await perform(
            .http(
                HTTPRequest(
                    url: .plain(address + "/a/{{v}}?q={{v}}"), method: "POST",
                    body: .form([NamedValue(name: "field", value: .plain("{{v}}"))])),
                expect: Expectation(
                    status: [500], keep: [NamedText(name: "token", text: "token=([^|]*)")]),
                keepCookies: true), value)
        #expect(asked.end == .succeeded, "\(asked)")
        let line = seen.withLock { $0 }.split(separator: "\r\n").first ?? ""
        #expect(line.split(separator: " ").count == 3, "\(line)")
        // What the server said fills the next request, encoded like any value.
        let next = await perform(
            .http(
                HTTPRequest(
                    url: .plain(address + "/next"), method: "POST",
                    body: .form([NamedValue(name: "field", value: .plain("{{token}}"))])),
                expect: Expectation(status: [500]), keepCookies: true), value)
        #expect(next.end == .succeeded, "\(next)")
        let body = seen.withLock { $0 }.split(separator: "\r\n\r\n").last ?? ""
        #expect(!body.contains(" ") && !body.contains("\n") && !body.contains("$("), "\(body)")
        let header = await perform(
            .http(
                HTTPRequest(
                    url: .plain(address),
                    headers: [NamedValue(name: "X-Reason", value: .plain("{{v}}"))]),
                expect: Expectation(status: [500]), keepCookies: false), value)
        let isControl = value.utf8.contains { $0 < 0x20 }
        #expect(header.end == (isControl ? .failed : .succeeded), "\(header)")
        let failing = await perform(
            .http(HTTPRequest(url: .plain(address)), expect: Expectation(), keepCookies: false),
            value)
        #expect(failing.end == .failed)
        try expectHarmless(asked, next, header, failing)
    }

    @Test(arguments: names)
    func `backups keep and give back names of any kind`(_ name: String) async throws {
        try bench.write("site/\(name)", "kept")
        let definition = BackupDefinition(to: bench.root("state/backups"), files: ["site"])
        let taken = await perform(
            Step(name: name, work: .backup), .perform, name, backup: definition)
        #expect(taken.end == .succeeded, "\(taken)")
        try bench.write("site/\(name)", "changed")
        let work = Work.restoreBackup(RestoreBackupWork(paths: ["site"], databases: []))
        let restored = await perform(
            Step(name: name, work: work), .perform, name, backup: definition)
        #expect(restored.end == .succeeded, "\(restored)")
        #expect(bench.read("site/\(name)") == "kept")
        try expectHarmless(taken, restored)
    }

    @Test func `secrets of other parts of the runbook reach no program`() async throws {
        setenv("TOCSIN_TEST_OF_OTHERS", "s3cret-of-others", 1)
        var order = bench.order(.run("sh", "-c", "env; cat /proc/$$/environ | tr '\\0' '\\n'"))
        order.secretVariables = ["TOCSIN_TEST_OF_OTHERS"]
        let lines = Lines()
        let outcome = await RunnerStepPerformer(executable: [Bench.program]).perform(order) {
            lines.add($0)
        }
        #expect(outcome.end == .succeeded)
        #expect(
            !lines.all.contains { $0.contains("TOCSIN_TEST_OF_OTHERS") || $0.contains("s3cret") })
        #expect(lines.all.contains { $0.hasPrefix("PATH=") })
    }
}
