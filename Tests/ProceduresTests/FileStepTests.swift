// The works `remove`, `restore` and `edit`: done, taken back, and killed half way.
import CLinux
import Domain
import Files
import FoundationEssentials
import Glibc
import Procedures
import TestKit
import Testing

@Suite struct RemoveTests {
    let bench: Bench
    init() throws {
        bench = try Bench()
        try bench.write("unified.py", "unified")
        try bench.write("websocket_a.py", "a")
        try bench.write("websocket_b.py", "b")
        try bench.write("web.py", "stays")
        try bench.write("js/deep/unified.js", "deep")
        try bench.write("js/deep/other file\n.js", "odd")
        try bench.write(".hidden.py", "hidden")
        chmod(bench.root("folder/unified.py"), 0o4751)
        chmod(bench.root("folder/js/deep"), 0o2710)
        symlink("../web.py", bench.root("folder/js/link"))
        utimensat(
            AT_FDCWD, bench.root("folder/unified.py"),
            [timespec(tv_sec: 1_000_000, tv_nsec: 5), timespec(tv_sec: 1_000_001, tv_nsec: 7)], 0)
    }
    private let work = Work.remove(["unified.py", "websocket_*.py", "js", "missing.py", "none_*"])

    @Test func `files, globs and folders go, and come back as they were`() async throws {
        let before = try bench.picture()
        let forecast = await bench.perform(work, .dryRun)
        #expect(forecast.end == .wouldRun)
        #expect(
            forecast.message
                == "would remove 4 paths: js, unified.py, websocket_a.py, websocket_b.py")
        #expect(try bench.picture() == before)
        let done = await bench.perform(work)
        #expect(done.end == .succeeded)
        #expect(done.outcome.facts.contains(NamedText(name: "saved_files", text: "4")))
        #expect(
            try Files.names(in: RawPath(bench.folder)).map(\.description) == [
                ".hidden.py", "web.py",
            ])
        #expect(await bench.perform(work, .dryRun).end == .alreadyDone)
        let undone = await bench.perform(work, .undo)
        #expect(undone.end == .succeeded)
        #expect(try bench.picture() == before)
        #expect(await bench.perform(work, .undo).message.contains("nothing to put back"))
    }

    @Test func `nothing there is a success, and undoing it too`() async throws {
        let before = try bench.picture()
        let nothing = Work.remove(["missing.py", "none_*"])
        let result = await bench.perform(nothing)
        #expect(result.end == .succeeded)
        #expect(result.message == "nothing to remove")
        #expect(await bench.perform(nothing, .undo).end == .succeeded)
        #expect(try bench.picture() == before)
    }

    @Test(arguments: [
        "copied-one", "before-manifest", "saved", "removed-one", "work-done", "outcome-ready",
    ])
    func `killed anywhere, it can be undone, or run again and undone`(_ point: String) async throws
    {
        let before = try bench.picture()
        #expect(
            await bench.perform(bench.order(Step(name: "r", work: work)), runnerCrashesAt: point)
                .end
                == .unknown)
        let step = Step(name: "r", work: work)
        #expect(await bench.perform(bench.order(step, .undo)).end == .succeeded)
        #expect(try bench.picture() == before)
        _ = await bench.perform(bench.order(step), runnerCrashesAt: point)
        #expect(await bench.perform(bench.order(step)).end == .succeeded)
        #expect(!bench.exists("js"))
        let killed = await bench.perform(bench.order(step, .undo), runnerCrashesAt: "put-back-one")
        #expect(killed.end == .unknown)
        #expect(await bench.perform(bench.order(step, .undo)).end == .succeeded)
        #expect(try bench.picture() == before)
    }

    @Test func `nothing outside the folder is touched unless the runbook says so`() async throws {
        try bench.root.write("outside/victim", "here")
        symlink(bench.root("outside"), bench.root("folder/way-out"))
        symlink("js", bench.root("folder/way-in"))
        let before = try bench.picture()
        for path in [
            "../outside/victim", "js/../../outside/victim", "way-out/victim", "{{value}}", "/", ".",
            "./",
            "js/..", bench.root.path, bench.folder, "{{value}}/",
        ] {
            for mode in [StepOrder.Mode.perform, .dryRun] {
                let result = await bench.perform(
                    .remove([path]), mode, variables: [("value", bench.root("outside/victim"))])
                #expect(result.end == .failed, "\(path): \(result)")
            }
        }
        #expect(try bench.picture() == before)
        #expect(try bench.picture("outside").count == 1)
        #expect(await bench.perform(.remove(["way-in/link"])).end == .succeeded)
        #expect(await bench.perform(.remove([bench.root("outside/victim")])).end == .succeeded)
        #expect(try bench.picture("outside").isEmpty)
        #expect(
            await bench.perform(.remove(["way-out"])).end == .succeeded, "the link itself is inside"
        )
    }

    @Test func `sockets and pipes go, and nobody says that they come back`() async throws {
        mkfifo(bench.root("folder/pipe"), 0o600)
        try bench.write("kept/file", "kept")
        mkfifo(bench.root("folder/kept/pipe"), 0o600)
        let work = Work.remove(["pipe", "kept"])
        let result = await bench.perform(work)
        #expect(result.end == .succeeded, "\(result)")
        #expect(result.lines.count { $0.contains("not saved") } == 2)
        let undone = await bench.perform(work, .undo)
        #expect(undone.end == .succeeded, "\(undone)")
        #expect(undone.lines.contains { $0.contains("not put back") })
        #expect(bench.read("kept/file") == "kept")
        #expect(!bench.exists("pipe"))
    }

    @Test func `saved copies and backups are never removed`() async throws {
        _ = await bench.perform(work)
        for path in [
            bench.saved, bench.saved + "/*", bench.root("state"), bench.root("state/backups/x"),
        ] {
            try bench.root.write("state/backups/x", "")
            let result = await bench.perform(.remove([path]))
            #expect(result.end == .failed, "\(path)")
        }
        #expect(await bench.perform(work, .undo).end == .succeeded)
        #expect(bench.exists("unified.py"))
    }

    @Test func `a value in a glob means itself`() async throws {
        try bench.write("x*", "star")
        try bench.write("xy", "other")
        let result = await bench.perform(.remove(["{{v}}"]), variables: [("v", "x*")])
        #expect(result.end == .succeeded)
        #expect(!bench.exists("x*"))
        #expect(bench.exists("xy"))
        #expect(
            await bench.perform(.remove(["{{v}}*"]), variables: [("v", "[w]")]).message
                == "nothing to remove")
    }

    @Test func `after an undo, what is there then is saved anew`() async throws {
        #expect(await bench.perform(work).end == .succeeded)
        #expect(await bench.perform(work, .undo).end == .succeeded)
        try bench.write("unified.py", "edited since")
        #expect(await bench.perform(work).end == .succeeded)
        #expect(await bench.perform(work, .undo).end == .succeeded)
        #expect(bench.read("unified.py") == "edited since")
    }

    @Test func `a time-out in the middle can be undone`() async throws {
        // A pipe in the saved folder's way cannot be made, so the time is used up by many files.
        let before = try bench.picture()
        let result = await bench.perform(work, timeout: .seconds(0))
        #expect(result.end == .failed)
        #expect(result.message == "not done after 0s, its time-out")
        #expect(await bench.perform(work, .undo).end == .succeeded)
        #expect(try bench.picture() == before)
    }
}

@Suite struct EditTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    @Test func `lines are deleted, replaced and added, and all come back`() async throws {
        let text =
            "A=1\nUNIFIED_NOTIFICATION=on\nMODE=unified\nWEBSOCKET_NOTIFICATION_PORT=1\nB=2\n"
        try bench.write("app/.env", text)
        chmod(bench.root("folder/app/.env"), 0o640)
        if geteuid() == 0 { chown(bench.root("folder/app/.env"), 1234, 4321) }
        symlink("app/.env", bench.root("folder/.env"))
        let before = try bench.picture()
        let work = Work.edit(
            EditWork(
                file: ".env", deleteLines: ["UNIFIED_NOTIFICATION", "WEBSOCKET_NOTIFICATION"],
                replace: [Replacement(old: "MODE=unified", new: "MODE={{mode}}")],
                insertLines: ["LEGACY=1", "A=1"]))
        let values = [("mode", "legacy")]
        let forecast = await bench.perform(work, .dryRun, variables: values)
        #expect(forecast.end == .wouldRun)
        #expect(
            forecast.message == "would change .env: 2 lines deleted, 1 line replaced, 1 line added")
        #expect(try bench.picture() == before)
        #expect(await bench.perform(work, variables: values).end == .succeeded)
        #expect(bench.read("app/.env") == "A=1\nMODE=legacy\nB=2\nLEGACY=1\n")
        let status = try #require(try Files.status(RawPath(bench.root("folder/app/.env"))))
        #expect(status.mode == 0o640)
        if geteuid() == 0 { #expect((status.user, status.group) == (1234, 4321)) }
        #expect(try Files.status(RawPath(bench.root("folder/.env")))?.kind == .link)
        let again = await bench.perform(work, variables: values)
        #expect(again.end == .succeeded)
        #expect(again.message == "nothing to change in .env")
        #expect(await bench.perform(work, .dryRun, variables: values).end == .alreadyDone)
        #expect(await bench.perform(work, .undo, variables: values).end == .succeeded)
        #expect(try bench.picture() == before)
    }

    @Test(arguments: ["saved", "edited", "edit-renamed", "work-done"])
    func `killed anywhere, it can be run again, and undone`(_ point: String) async throws {
        try bench.write(".env", "OLD=http://x\nGONE=1\n")
        let before = try bench.picture()
        let step = Step(
            name: "e",
            work: .edit(
                EditWork(
                    file: ".env", deleteLines: ["GONE"],
                    replace: [Replacement(old: "http", new: "https")], insertLines: ["NEW=1"])))
        #expect(await bench.perform(bench.order(step), runnerCrashesAt: point).end == .unknown)
        #expect(await bench.perform(bench.order(step)).end == .succeeded)
        #expect(bench.read(".env") == "OLD=https://x\nNEW=1\n")
        #expect(await bench.perform(bench.order(step, .undo)).end == .succeeded)
        #expect(try bench.picture() == before)
    }

    @Test func `a line is added beside another, once`() async throws {
        try bench.write("conf", "[one]\na=1\n[two]\nb=2")
        let work = Work.edit(
            EditWork(
                file: "conf",
                insert: [
                    PlacedLine(line: "first={{v}}", side: .after, mark: "[one]"),
                    PlacedLine(line: "# two", side: .before, mark: "[two]"),
                    PlacedLine(line: "last=1", side: .after, mark: "b=2"),
                ]))
        let values = [("v", "1")]
        #expect(await bench.perform(work, .dryRun, variables: values).end == .wouldRun)
        #expect(await bench.perform(work, variables: values).end == .succeeded)
        let wanted = "[one]\nfirst=1\na=1\n# two\n[two]\nb=2\nlast=1\n"
        #expect(bench.read("conf") == wanted)
        #expect(
            await bench.perform(work, variables: values).message == "nothing to change in conf")
        #expect(bench.read("conf") == wanted)
        let lost = await bench.perform(
            .edit(
                EditWork(
                    file: "conf",
                    insert: [PlacedLine(line: "new", side: .after, mark: "[three]")])))
        #expect(lost.end == .failed)
        #expect(lost.message.contains("no line contains `[three]`"))
    }

    @Test(.enabled(if: geteuid() == 0))
    func `what is marked immutable is told before anything is changed`()
        async throws
    {
        try bench.write("site/a", "a")
        try bench.write("site/b", "b")
        do {
            try await bench.system("chattr +i site/b")
        } catch {
            return  // Not every file system knows the mark.
        }
        let before = try bench.picture()
        for work in [
            Work.remove(["site/a", "site/b"]), .remove(["site"]),
            .edit(EditWork(file: "site/b", insertLines: ["c"])),
        ] {
            for mode in [StepOrder.Mode.dryRun, .perform] {
                let result = await bench.perform(work, mode)
                #expect(result.end == .failed)
                #expect(result.message.contains("chattr -i"), "\(result.message)")
            }
        }
        #expect(try bench.picture() == before)
        try await bench.system("chattr -i site/b")
    }

    @Test func `other names of a file stay as they were, and it is said`() async throws {
        try bench.write("one", "text\n")
        link(bench.root("folder/one"), bench.root("folder/two"))
        let result = await bench.perform(.edit(EditWork(file: "one", insertLines: ["more"])))
        #expect(result.message.contains("1 other name"), "\(result.message)")
        #expect(bench.read("two") == "text\n")
        #expect(
            await bench.perform(.edit(EditWork(file: "one", insertLines: ["more"])), .undo).end
                == .succeeded)
        #expect(bench.read("one") == "text\n")
    }

    @Test func `extended attributes stay, and a huge file is refused`() async throws {
        try bench.write("file", "a\n")
        let path = bench.root("folder/file")
        let isKept = setxattr(path, "user.note", "kept", 4, 0) == 0
        #expect(
            await bench.perform(.edit(EditWork(file: "file", insertLines: ["b"]))).end
                == .succeeded)
        var value = [UInt8](repeating: 0, count: 10)
        if isKept { #expect(getxattr(path, "user.note", &value, 10) == 4) }
        truncate(path, 200 << 20)
        let huge = await bench.perform(.edit(EditWork(file: "file", insertLines: ["c"])))
        #expect(huge.end == .failed)
        #expect(huge.message.contains("more than"), "\(huge.message)")
    }

    @Test func `bytes that are no text, line ends and a missing last line feed stay`() async throws
    {
        let bytes: [UInt8] = Array("a\r\n".utf8) + [0xFF, 0xFE, 0x0A] + Array("drop\r\nlast".utf8)
        try Data(bytes).write(to: URL(filePath: bench.root("folder/odd")))
        _ = await bench.perform(.edit(EditWork(file: "odd", deleteLines: ["drop"])))
        let now = try Data(contentsOf: URL(filePath: bench.root("folder/odd")))
        #expect(Array(now) == Array("a\r\n".utf8) + [0xFF, 0xFE, 0x0A] + Array("last".utf8))
        _ = await bench.perform(.edit(EditWork(file: "odd", insertLines: ["new"])))
        let added = try Data(contentsOf: URL(filePath: bench.root("folder/odd")))
        #expect(added.suffix(10) == Data("last\nnew\r\n".utf8))
    }

    @Test func `what cannot be edited says why`() async throws {
        try bench.write("file", "text\n")
        let cases: [(EditWork, String)] = [
            (EditWork(file: "missing", deleteLines: ["x"]), "no such file"),
            (EditWork(file: ".", deleteLines: ["x"]), "it is no file"),
            (EditWork(file: "../folder/file", deleteLines: ["text"]), "`..`"),
            (
                EditWork(file: "file", replace: [Replacement(old: "MODE=a", new: "MODE=b")]),
                "neither `MODE=a` nor `MODE=b`"
            ), (EditWork(file: "file", insertLines: ["X={{v}}"]), "line break"),
        ]
        for (edit, words) in cases {
            for mode in [StepOrder.Mode.perform, .dryRun] {
                let result = await bench.perform(.edit(edit), mode, variables: [("v", "1\nEVIL=1")])
                #expect(result.end == .failed)
                #expect(result.message.contains(words), "\(result.message)")
            }
        }
        #expect(bench.read("file") == "text\n")
    }
}

@Suite struct RestoreTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    private let git =
        "git -c user.name=t -c user.email=t@example.com -c init.defaultBranch=main -c commit.gpgsign=false"

    private func makeRepository(below prefix: String = ".") async throws {
        try await bench.system(
            """
            unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
            \(git) init -q \(prefix)
            mkdir -p templates static
            echo legacy > templates/base.html; echo legacy > static/n.js
            printf '#!/bin/sh\\n' > tool; chmod 755 tool; ln -s templates/base.html link
            printf 'bytes\\000\\377' > 'odd name'
            echo new > templates/only-then.html
            git add -A; \(git) commit -qm legacy
            echo unified > templates/base.html; chmod 600 templates/base.html; rm static/n.js tool link
            rmdir static; rm 'odd name' templates/only-then.html; echo now > templates/only-now.html
            git add -A; \(git) commit -qm unified
            echo staged > staged; git add staged; echo unstaged >> templates/base.html
            printf '#!/bin/sh\\ntouch %s/hooked\\n' "$PWD" > "$(git rev-parse --git-dir)/hooks/post-checkout"
            chmod 755 "$(git rev-parse --git-dir)/hooks/post-checkout"
            """)
    }
    private let paths = ["templates", "static/n.js", "tool", "link", "odd name"]
    private func state() async throws -> String {
        try await bench.system("git status --porcelain; git log -1")
    }

    @Test func `files come back from git as a checkout would write them`() async throws {
        try await makeRepository()
        let before = try bench.picture().filter { !$0.contains(" .git") }
        let status = try await state()
        let work = Work.restore(.git(revision: "HEAD~1", paths: paths))
        let forecast = await bench.perform(work, .dryRun)
        #expect(forecast.end == .wouldRun, "\(forecast)")
        let result = await bench.perform(work)
        #expect(result.end == .succeeded, "\(result)")
        #expect(bench.read("templates/base.html") == "legacy\n")
        #expect(bench.read("templates/only-then.html") == "new\n")
        #expect(
            bench.read("templates/only-now.html") == "now\n", "a folder is restored file by file")
        #expect(bench.read("static/n.js") == "legacy\n")
        #expect(try Files.status(RawPath(bench.root("folder/tool")))?.mode == 0o755)
        #expect(try Files.status(RawPath(bench.root("folder/templates/base.html")))?.mode == 0o600)
        #expect(
            try Files.target(of: RawPath(bench.root("folder/link")))
                == RawPath("templates/base.html"))
        #expect(
            try Files.read(RawPath(bench.root("folder/odd name"))) == Array("bytes\0".utf8) + [255])
        #expect(try await bench.system("git diff --cached --name-only") == "staged\n")
        #expect(!bench.exists("hooked"))
        let undone = await bench.perform(work, .undo)
        #expect(undone.end == .succeeded, "\(undone)")
        #expect(try bench.picture().filter { !$0.contains(" .git") } == before)
        #expect(try await state() == status)
    }

    @Test func `the runbook's folder may lie below the repository's`() async throws {
        try await makeRepository(below: "..")
        let result = await bench.perform(
            .restore(.git(revision: "HEAD~1", paths: ["templates/base.html"])))
        #expect(result.end == .succeeded, "\(result)")
        #expect(bench.read("templates/base.html") == "legacy\n")
    }

    @Test(arguments: ["saved", "made-folders", "restored-one", "work-done"])
    func `killed anywhere, it can be run again, and undone`(_ point: String) async throws {
        try await makeRepository()
        let before = try bench.picture().filter { !$0.contains(" .git") }
        let step = Step(name: "g", work: .restore(.git(revision: "HEAD~1", paths: paths)))
        #expect(await bench.perform(bench.order(step), runnerCrashesAt: point).end == .unknown)
        #expect(await bench.perform(bench.order(step)).end == .succeeded)
        #expect(bench.read("static/n.js") == "legacy\n")
        #expect(await bench.perform(bench.order(step, .undo)).end == .succeeded)
        #expect(try bench.picture().filter { !$0.contains(" .git") } == before)
    }

    @Test func `what is not in git, or no revision, or an option in disguise, fails`() async throws
    {
        try await makeRepository()
        let before = try bench.picture().filter { !$0.contains(" .git") }
        for (revision, path) in [
            ("HEAD~9", "templates"), ("HEAD~1", "missing"), ("--output=evil", "templates"),
            ("HEAD~1", "../x"), ("HEAD~1", "."), ("{{v}}", "templates"),
            ("HEAD~1:templates", "templates"),
        ] {
            for mode in [StepOrder.Mode.perform, .dryRun] {
                let result = await bench.perform(
                    .restore(.git(revision: revision, paths: [path])), mode,
                    variables: [("v", "--help")])
                #expect(result.end == .failed, "\(revision) \(path): \(result)")
            }
        }
        #expect(try bench.picture().filter { !$0.contains(" .git") } == before)
    }

    @Test func `a submodule is told from a folder`() async throws {
        try await makeRepository()
        try await bench.system(
            """
            unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
            mkdir ../state/sub; cd ../state/sub; \(git) init -q .; echo s > s; git add s; \(git) commit -qm s
            cd '\(bench.folder)'; \(git) -c protocol.file.allow=always submodule --quiet add '\(bench.root("state/sub"))' module
            \(git) commit -qm module
            """)
        let result = await bench.perform(.restore(.git(revision: "HEAD", paths: ["module"])))
        #expect(result.end == .failed)
        #expect(result.message.contains("submodule"), "\(result.message)")
        #expect(bench.exists("module/s"))
    }

    @Test(arguments: ["gzip", "xz", "zstd"])
    func `an archive may be packed in any way`(_ packer: String) async throws {
        try bench.write("legacy/page", "legacy")
        try await bench.system("tar --\(packer) -cf packed -C legacy page")
        let work = Work.restore(.archive(file: "packed", paths: ["page"]))
        #expect(await bench.perform(work, .dryRun).end == .wouldRun)
        let result = await bench.perform(work)
        #expect(result.end == .succeeded, "\(result)")
        #expect(bench.read("page") == "legacy")
        try await bench.system("head -c 60 packed > cut")
        let cut = await bench.perform(.restore(.archive(file: "cut", paths: ["page"])))
        #expect(cut.end == .failed)
    }

    /// Archives that were made to write or read elsewhere.
    @Test func `no archive reaches out of its own content`() async throws {
        try bench.root.write("outside/secret", "secret")
        try await bench.system(
            """
            mkdir ../state/evil; cd ../state/evil
            ln -s '\(bench.root("outside"))' way; tar -cf ../../folder/link.tar way
            rm way; mkdir way; echo evil > way/secret; tar -rf ../../folder/link.tar way/secret
            echo evil > up; tar -cf ../../folder/up.tar -P --transform='s,up,../outside/up,' up
            tar -cf ../../folder/absolute.tar -P --transform='s,up,\(bench.root("outside/up")),' up
            ln '\(bench.root("outside/secret"))' hard; ln hard two
            tar -cf ../../folder/hard.tar -P --transform='flags=r;s,two,page,' \
              --transform='flags=h;s,.*,\(bench.root("outside/secret")),' hard two
            """)
        let outside = try bench.picture("outside").filter { !$0.contains("secret") }
        for (file, paths) in [
            ("link.tar", ["way", "way/secret"]), ("link.tar", ["way/secret"]),
            ("up.tar", ["../outside/up"]), ("up.tar", ["up"]),
            ("absolute.tar", [bench.root("outside/up")]), ("hard.tar", ["page"]),
        ] {
            let result = await bench.perform(.restore(.archive(file: file, paths: paths)))
            if result.end == .succeeded {
                #expect(bench.read("way/secret") != "secret", "\(file) \(paths)")
                #expect(bench.read("page") != "secret", "\(file) \(paths)")
            }
            let secret = try String(contentsOfFile: bench.root("outside/secret"), encoding: .utf8)
            #expect(secret == "secret", "\(file) \(paths)")
            #expect(try bench.picture("outside").filter { !$0.contains("secret") } == outside)
        }
    }

    @Test func `no repository is told`() async {
        let result = await bench.perform(.restore(.git(revision: "HEAD", paths: ["x"])))
        #expect(result.end == .failed)
        #expect(result.message.contains("in no git repository"))
    }

    @Test(arguments: [true, false])
    func `files come back from a folder and from an archive, with what belongs to them`(
        _ fromArchive: Bool
    ) async throws {
        try bench.write("legacy/templates/base.html", "legacy")
        try bench.write("legacy/templates/x y.html", "odd")
        try bench.write("legacy/unasked", "no")
        chmod(bench.root("folder/legacy/templates/base.html"), 0o604)
        try bench.write("templates/base.html", "unified")
        try await bench.system("tar -czf legacy.tar.gz -C legacy ./templates ./unasked")
        let before = try bench.picture()
        let work = Work.restore(
            fromArchive
                ? .archive(file: "legacy.tar.gz", paths: ["templates"])
                : .copy(folder: "legacy", paths: ["templates"]))
        #expect(await bench.perform(work, .dryRun).end == .wouldRun)
        let result = await bench.perform(work)
        #expect(result.end == .succeeded, "\(result)")
        #expect(bench.read("templates/base.html") == "legacy")
        #expect(bench.read("templates/x y.html") == "odd")
        #expect(!bench.exists("unasked"))
        #expect(try Files.status(RawPath(bench.root("folder/templates/base.html")))?.mode == 0o604)
        #expect(await bench.perform(work, .undo).end == .succeeded)
        #expect(try bench.picture() == before)
        let missing = Work.restore(
            fromArchive
                ? .archive(file: "legacy.tar.gz", paths: ["missing"])
                : .copy(folder: "legacy", paths: ["missing"]))
        for mode in [StepOrder.Mode.perform, .dryRun] {
            #expect(await bench.perform(missing, mode).end == .failed)
        }
    }
}
