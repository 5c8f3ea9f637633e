// The keys of a step: what it does, how it is checked, verified and taken back.
import Domain

extension Keys {
    static let steps = Shape.list(.table(stepTable), atLeast: 1)

    /// What a step can do; exactly one of them.
    static let workKinds = [
        may("run", argv, "A program and its arguments; no shell."),
        may("shell", .script, "A line for /bin/sh; values come in its environment only."),
        may("service", .table(serviceVerb), "Starts, stops or restarts a unit."),
        may("http", http, "A request."),
        may("sql", .table(sql), "Statements, or a query that is compared."),
        may("redis", .table(redis), "A command of Redis."),
        may("remove", .list(.path), "Files or globs; saved before they are removed."),
        may("restore", .table(restore), "Files from git, from saved copies or from an archive."),
        may("edit", .table(edit), "Lines of a file."),
        may(
            "backup", .choice(["verified", "true"]),
            "Takes the backup, reads it back and compares; what follows waits for it."),
        may("restore_database", .reference(.database), "From the procedure's backup."),
        may("probe", .reference(.probe), "Holds when the probe answers well."),
        may("notify", .list(.reference(.recipient)), "Roles or people."),
        may("status_page", .table(statusPage), "Updates the status page."),
        may("wait", .span(.upTo(hours: 24)), "Lets time pass."),
        may("confirm", .line, "Something that a person does and ticks."),
        may("assess", .choice(["true"]), "Records the state of everything that is watched."),
        may("playbook", .reference(.playbook), "Runs a playbook."),
        may("action", .reference(.action), "Runs an action."),
        may("undo_action", .reference(.action), "Takes an action back."),
        may("rollback", .reference(.authorization), "Rolls back, by this kind of authorization."),
        may("fallback", .table(fallbackSwitch), "Enables or disables a fallback."),
    ]
    /// What can be said beside some kinds of work.
    private static let workOptions = [
        may("expect", expectation, "What the answer must be like."),
        may("keep_cookies", .flag, "Cookies go from step to step of the stage."),
        may("stdin", .text, "What the program reads."),
        may(
            "within", .span(.upTo(hours: 24)),
            "How long it may take to answer well; 30s by default."),
        may("via", .list(.reference(.channel)), "Channels."),
        may("title", .line, "The message's title; the step's name without it."),
        may("text", .text, "The message."),
    ]
    private static let workBeside = [
        "expect": ["http", "redis"], "keep_cookies": ["http"], "stdin": ["run"],
        "within": ["probe"],
        "via": ["notify"], "title": ["notify"], "text": ["notify"],
    ]
    private static let runners = ["run", "shell", "service"]

    static let stepTable: KeyTable = {
        var table = work("a step", workKinds.map(\.name))
        table.keys = [must("name", .line, "What it does, for people.")] + table.keys
        table.keys += [
            may("timeout", .span(.upTo(hours: 24)), "It is killed, with its children, after this."),
            may("check", .table(probing), "Tells whether it is already done; then it is skipped."),
            may("verify", .table(probing), "Must hold afterwards, or the step has failed."),
            may("undo", .table(undoing), "Takes it back."),
            may(
                "otherwise", .table(work("`otherwise`", workKinds.map(\.name))),
                "What is done instead when it fails."),
            may("repeatable", .flag, "May be run again when it is not known whether it ran."),
            may("retries", .integer(0...100), "Further tries after a failure; 0 by default."),
            may(
                "retry_pause", .span(.upTo(hours: 1)), "The first pause; it doubles. 1s by default."
            ),
            may("as", .line, "The login name that it runs as."),
            may("cwd", .path, "The folder that it runs in; the runbook's without it."),
            may(
                "env",
                .named(NamedShape(what: "a variable", rule: .variable, value: value(.text))),
                "Environment variables."),
            may("umask", .umask, "Such as \"0027\"."),
            may(
                "test_mode", .choice(TestConduct.allCases.map(\.rawValue)),
                "In `rollback --test-mode`: run it in the copy of the folder, or leave it out."),
        ]
        for key in ["as", "cwd", "env", "umask"] { table.beside[key] = runners }
        table.beside["retry_pause"] = ["retries"]
        return table
    }()
    /// What changes nothing, so that it can answer a question.
    private static let probing = work(
        "`check` or `verify`", ["run", "shell", "http", "sql", "redis", "probe"])
    private static let undoing = work(
        "`undo`",
        [
            "run", "shell", "service", "http", "sql", "redis", "remove", "restore", "edit",
            "restore_database", "status_page",
        ])

    private static func work(_ what: String, _ kinds: [String]) -> KeyTable {
        let options = workOptions.filter { option in
            workBeside[option.name]?.contains(where: kinds.contains) == true
        }
        return KeyTable(
            what: what, keys: workKinds.filter { kinds.contains($0.name) } + options,
            exactlyOne: [kinds],
            beside: workBeside.compactMapValues { hosts in
                let here = hosts.filter(kinds.contains)
                return here.isEmpty ? nil : here
            },
            needs: kinds.contains("notify") ? ["notify": ["via"]] : [:])
    }

    // MARK: The kinds

    private static let serviceVerb = KeyTable(
        what: "`service`",
        keys: serviceVerbs.map {
            may($0, .line, "A name of `units:`, or a systemd unit.")
        },
        exactlyOne: [serviceVerbs])
    private static let serviceVerbs = ["start", "stop", "restart"]
    private static let sql = KeyTable(
        what: "`sql`",
        keys: [
            must("source", .reference(.database), "A data source."),
            may("run", .oneOrMore(.script), "Statements, in one transaction."),
            may("query", .script, "A query; the first column of its first row is compared."),
            may("equals", .number(-1e15...1e15), "What it must be."),
            may("at_least", .number(-1e15...1e15), "It must not be less."),
            may("at_most", .number(-1e15...1e15), "It must not be more."),
        ],
        exactlyOne: [["run", "query"]],
        beside: ["equals": ["query"], "at_least": ["query"], "at_most": ["query"]])
    private static let redis = KeyTable(
        what: "`redis`",
        keys: [
            must("source", .reference(.redis), "A data source."),
            must("command", argv, "The command and its arguments."),
        ])
    private static let restore = KeyTable(
        what: "`restore`",
        keys: [
            must("from", .choice(["git", "copy", "archive"]), "Where the files come from."),
            may("revision", .line, "With `from: git`: a commit, branch or tag."),
            may("folder", .path, "With `from: copy`: the folder of saved copies."),
            may("file", .path, "With `from: archive`: the tar file."),
            must("paths", .list(.path), "The files."),
        ])
    private static let edit = KeyTable(
        what: "`edit`",
        keys: [
            must("file", .path, "The file."),
            may("delete_lines", .list(.line), "Every line that contains one of these is deleted."),
            may(
                "replace",
                .list(
                    .table(
                        KeyTable(
                            what: "a replacement",
                            keys: [
                                must("old", .line, "The text that stands there."),
                                must("new", .text, "The text that takes its place."),
                            ])), atLeast: 1), "Texts that are replaced."),
            may(
                "insert_lines", .list(.line),
                "Lines that are added at the end unless they are there."),
            may(
                "insert",
                .list(
                    .table(
                        KeyTable(
                            what: "an insertion",
                            keys: [
                                must(
                                    "line", .line, "The line; left out where it is there already."),
                                may("after", .line, "After the first line that contains this."),
                                may("before", .line, "Before the first line that contains this."),
                            ],
                            exactlyOne: [["after", "before"]])), atLeast: 1),
                "Lines that are added beside another."),
        ],
        atLeastOne: [["delete_lines", "replace", "insert_lines", "insert"]])
    private static let statusPage = KeyTable(
        what: "`status_page`",
        keys: [
            must("status", .line, "Fills {{status}}."),
            must("message", .text, "Fills {{message}}."),
        ])
    private static let fallbackSwitch = KeyTable(
        what: "`fallback`",
        keys: [
            may("enable", .reference(.fallback), "The fallback that is enabled."),
            may("disable", .reference(.fallback), "The fallback that is disabled."),
        ],
        exactlyOne: [["enable", "disable"]])
}
