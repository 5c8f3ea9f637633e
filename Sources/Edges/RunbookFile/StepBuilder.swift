// Makes steps of a checked tree.
import Domain

extension RunbookBuilder {
    /// The steps below a key; none without it.
    func steps(_ tree: Tree, _ key: String) throws(Misfit) -> [Step] { try tree.each(key, step) }

    private func step(_ tree: Tree) throws(Misfit) -> Step {
        let name = try tree.text("name")
        func work(_ key: String) throws(Misfit) -> Work? {
            try tree.optional(key) { tree throws(Misfit) in try self.work(tree, of: name) }
        }
        return Step(
            name: name, work: try self.work(tree, of: name),
            timeout: try tree.optionalSpan("timeout"),
            check: try work("check"), verify: try work("verify"), undo: try work("undo"),
            repeatable: try tree.flag("repeatable", or: false),
            retries: try tree.integer("retries", or: 0),
            retryPause: try tree.span("retry_pause", or: .seconds(1)),
            runAs: try tree.optionalText("as"),
            directory: try tree.optionalText("cwd").map(paths.absolute),
            environment: try values(tree, "env"),
            umask: try tree.optional("umask") { tree throws(Misfit) in
                guard let mask = Int(try tree.asText(), radix: 8) else {
                    throw Misfit(place: tree.place, expected: "a umask")
                }
                return mask
            },
            otherwise: try work("otherwise"),
            testMode: try testMode(tree), otherwiseTestMode: try testMode(tree["otherwise"]))
    }
    private func testMode(_ tree: Tree?) throws(Misfit) -> TestConduct? {
        try tree?["test_mode"]?.asChoice()
    }

    /// - Parameter name: of the step, for messages without a title of their own.
    private func work(_ tree: Tree, of name: String) throws(Misfit) -> Work {
        if let work = try workInRunner(tree) { return work }
        if let probe = tree["probe"] {
            return .probe(try probe.asProbe(), within: try tree.span("within", or: .seconds(30)))
        }
        if tree["notify"] != nil {
            return .notify(
                NotifyWork(
                    roles: try tree.texts("notify"), via: try tree.texts("via"),
                    title: try tree.optionalText("title") ?? name,
                    text: try tree.optionalText("text") ?? ""))
        }
        if let page = tree["status_page"] {
            return .statusPage(status: try page.text("status"), message: try page.text("message"))
        }
        if let wait = tree["wait"] { return .wait(try wait.asSpan()) }
        if let text = try tree.optionalText("confirm") { return .confirm(text) }
        if tree["assess"] != nil { return .assess }
        if let playbook = try tree.optionalText("playbook") { return .playbook(playbook) }
        if let action = try tree.optionalText("action") { return .action(action) }
        if let action = try tree.optionalText("undo_action") { return .undoAction(action) }
        if let kind = try tree.optionalText("rollback") { return .rollback(kind) }
        let fallback = try tree.value("fallback")
        if let name = try fallback.optionalText("enable") { return .fallback(name, enable: true) }
        return .fallback(try fallback.text("disable"), enable: false)
    }

    private func workInRunner(_ tree: Tree) throws(Misfit) -> Work? {
        if tree["run"] != nil {
            return .run(try tree.texts("run"), input: try tree.optionalText("stdin"))
        }
        if let line = try tree.optionalText("shell") { return .shell(line) }
        if let entry = tree["service"]?.entries.first {
            guard let verb = ServiceVerb(rawValue: entry.key) else {
                throw Misfit(place: entry.place, expected: "start, stop or restart")
            }
            return .service(verb, unit: try entry.value.asText())
        }
        if let http = tree["http"] {
            return .http(
                try request(http), expect: try expectation(tree),
                keepCookies: try tree.flag("keep_cookies", or: false))
        }
        if let sql = tree["sql"] { return .sql(try sqlWork(sql)) }
        if let redis = tree["redis"] {
            return .redis(
                source: try redis.text("source"), command: try redis.texts("command"),
                reply: try expectation(tree).reply)
        }
        if tree["remove"] != nil { return .remove(try tree.texts("remove")) }
        if let restore = tree["restore"] { return .restore(try restoreWork(restore)) }
        if let edit = tree["edit"] { return .edit(try editWork(edit)) }
        if tree["backup"] != nil { return .backup }
        return try tree.optionalText("restore_database").map { .restoreDatabase(source: $0) }
    }

    private func sqlWork(_ tree: Tree) throws(Misfit) -> SQLWork {
        SQLWork(
            source: try tree.text("source"), statements: try tree.texts("run"),
            query: try tree.optionalText("query"), equals: try tree.optionalNumber("equals"),
            atLeast: try tree.optionalNumber("at_least"), atMost: try tree.optionalNumber("at_most")
        )
    }

    private func restoreWork(_ tree: Tree) throws(Misfit) -> RestoreWork {
        let files = try tree.texts("paths")
        switch try tree.text("from") {
        case "git": return .git(revision: try tree.text("revision"), paths: files)
        case "copy": return .copy(folder: try tree.text("folder"), paths: files)
        default: return .archive(file: try tree.text("file"), paths: files)
        }
    }

    private func editWork(_ tree: Tree) throws(Misfit) -> EditWork {
        EditWork(
            file: try tree.text("file"), deleteLines: try tree.texts("delete_lines"),
            replace: try tree.each("replace") { tree throws(Misfit) in
                Replacement(old: try tree.text("old"), new: try tree.text("new"))
            },
            insertLines: try tree.texts("insert_lines"),
            insert: tree["insert"] == nil ? nil : try tree.each("insert", placedLine))
    }

    private func placedLine(_ tree: Tree) throws(Misfit) -> PlacedLine {
        let line = try tree.text("line")
        if let mark = try tree.optionalText("after") {
            return PlacedLine(line: line, side: .after, mark: mark)
        }
        return PlacedLine(line: line, side: .before, mark: try tree.text("before"))
    }
}
