// Steps: the smallest things that are run, and what the step runner needs to run one.

/// One step of an action, a rollback stage or a playbook.
package struct Step: Sendable, Equatable, Codable {
    package var name: String
    package var work: Work
    /// The step is killed (its whole process group) after this; nil: the kind's default.
    package var timeout: Span?
    /// Tells whether the step is already done: it holds, so the step is skipped.
    package var check: Work?
    /// Must hold after the work, or the step has failed.
    package var verify: Work?
    /// Takes the step back.
    package var undo: Work?
    /// May be run a second time when it is not known whether it ran.
    package var repeatable: Bool
    /// Further tries after a failure; 0 by default.
    package var retries: Int
    /// The first pause before a further try; it doubles.
    package var retryPause: Span
    /// The login name to run as; nil: the engine's own.
    package var runAs: String?
    /// Absolute; nil: the runbook's folder.
    package var directory: String?
    package var environment: [NamedValue]
    package var umask: Int?
    /// What to do instead when the step fails (playbooks).
    package var otherwise: Work?
    /// What becomes of it in a rollback in test mode; nil: what its kind says (see `TestConduct`).
    package var testMode: TestConduct?

    package init(
        name: String, work: Work, timeout: Span? = nil, check: Work? = nil, verify: Work? = nil,
        undo: Work? = nil, repeatable: Bool = false, retries: Int = 0,
        retryPause: Span = .seconds(1), runAs: String? = nil, directory: String? = nil,
        environment: [NamedValue] = [], umask: Int? = nil, otherwise: Work? = nil,
        testMode: TestConduct? = nil
    ) {
        self.name = name
        self.work = work
        self.timeout = timeout
        self.check = check
        self.verify = verify
        self.undo = undo
        self.repeatable = repeatable
        self.retries = retries
        self.retryPause = retryPause
        self.runAs = runAs
        self.directory = directory
        self.environment = environment
        self.umask = umask
        self.otherwise = otherwise
        self.testMode = testMode
    }
}

/// What becomes of a step in test mode. A program or a line for the shell must say it itself: nobody
/// else can know whether it would touch the real service.
package enum TestConduct: String, Sendable, Codable, CaseIterable { case run, skip }

/// What a step does.
package indirect enum Work: Sendable, Equatable, Codable {
    // In a process of its own (the step runner), which outlives the engine.
    /// A program and its arguments; no shell. A relative program with a `/` starts at the runbook's folder.
    case run([String], input: String?)
    /// A line for /bin/sh; gets values through its environment only.
    case shell(String)
    case service(ServiceVerb, unit: String)
    case http(HTTPRequest, expect: Expectation, keepCookies: Bool)
    case sql(SQLWork)
    case redis(source: String, command: [String], reply: String?)
    /// Paths or globs, relative to the runbook's folder; saved before they are removed.
    case remove([String])
    case restore(RestoreWork)
    case edit(EditWork)
    case backup
    case restoreDatabase(source: String)
    /// Puts files and databases of a backup back; what it replaces is saved first.
    case restoreBackup(RestoreBackupWork)
    /// Copies the service's folder and databases to where test mode works. The engine adds it by
    /// itself: no runbook writes it.
    case prepareTest(TestWorld)
    /// Removes what `prepareTest` has made. Likewise the engine's own.
    case clearTest(TestWorld)
    // Inside the engine: they touch nothing but the engine's own state and its probes.
    /// Holds when the probe answers well within the time.
    case probe(ProbeReference, within: Span)
    case notify(NotifyWork)
    case statusPage(status: String, message: String)
    case wait(Span)
    /// A person ticks it.
    case confirm(String)
    /// Records the state of everything that is watched.
    case assess
    case playbook(String)
    case action(String)
    case undoAction(String)
    /// The kind of authorization, or "test-mode".
    case rollback(String)
    case fallback(String, enable: Bool)
    /// Holds when no trigger of the open emergency holds any more; ends every recovery. The engine
    /// adds it by itself: no runbook writes it.
    case calm(within: Span)

    /// The runbook's word for it.
    package var kind: String {
        switch self {
        case .run: "run"
        case .shell: "shell"
        case .service: "service"
        case .http: "http"
        case .sql: "sql"
        case .redis: "redis"
        case .remove: "remove"
        case .restore: "restore"
        case .edit: "edit"
        case .backup: "backup"
        case .restoreDatabase: "restore_database"
        case .restoreBackup: "restore_backup"
        case .prepareTest: "prepare_test"
        case .clearTest: "clear_test"
        case .probe: "probe"
        case .notify: "notify"
        case .statusPage: "status_page"
        case .wait: "wait"
        case .confirm: "confirm"
        case .assess: "assess"
        case .playbook: "playbook"
        case .action: "action"
        case .undoAction: "undo_action"
        case .rollback: "rollback"
        case .fallback: "fallback"
        case .calm: "calm"
        }
    }

    /// Whether the step runner does it, in a process that outlives the engine.
    package var needsRunner: Bool {
        switch self {
        case .run, .shell, .service, .http, .sql, .redis, .remove, .restore, .edit, .backup,
            .restoreDatabase, .restoreBackup, .prepareTest, .clearTest:
            true
        case .probe, .notify, .statusPage, .wait, .confirm, .assess, .playbook, .action,
            .undoAction,
            .rollback, .fallback, .calm:
            false
        }
    }
}

package enum ServiceVerb: String, Sendable, Codable { case start, stop, restart }

package struct SQLWork: Sendable, Equatable, Codable {
    /// The name of a data source.
    package var source: String
    /// Statements, in one transaction. Empty for a query.
    package var statements: [String]
    /// A query whose first column of the first row is compared. Nil for statements.
    package var query: String?
    package var equals: Double?
    package var atLeast: Double?
    package var atMost: Double?
    package init(
        source: String, statements: [String] = [], query: String? = nil, equals: Double? = nil,
        atLeast: Double? = nil, atMost: Double? = nil
    ) {
        self.source = source
        self.statements = statements
        self.query = query
        self.equals = equals
        self.atLeast = atLeast
        self.atMost = atMost
    }
}
package enum RestoreWork: Sendable, Equatable, Codable {
    /// From a revision of the git repository that holds the runbook's folder.
    case git(revision: String, paths: [String])
    /// From a folder of saved copies (relative to the runbook's folder) that holds the paths.
    case copy(folder: String, paths: [String])
    /// From a tar archive.
    case archive(file: String, paths: [String])
}
/// Which part of which backup is put back.
package struct RestoreBackupWork: Sendable, Equatable, Codable {
    /// The backup's id; nil: the newest verified one.
    package var backup: String?
    /// Paths or globs as the backup's list names them; nil: every file; empty: none.
    package var paths: [String]?
    /// Names of data sources; nil: every database in it; empty: none.
    package var databases: [String]?
    package init(backup: String? = nil, paths: [String]? = nil, databases: [String]? = nil) {
        self.backup = backup
        self.paths = paths
        self.databases = databases
    }
}
/// Where a rollback in test mode works: copies, and nothing of the real service.
package struct TestWorld: Sendable, Equatable, Codable {
    /// Absolute; the copy of the runbook's folder. Nothing is there before `prepareTest`.
    package var folder: String
    /// Absolute paths inside the runbook's folder that are not copied: backups, the engine's state.
    package var without: [String]
    /// The contents of the first source of each pair are put in the place of those of the second.
    package var databases: [StandIn]
    package init(folder: String, without: [String] = [], databases: [StandIn] = []) {
        self.folder = folder
        self.without = without
        self.databases = databases
    }
}
/// What stands in for what in test mode; names of the runbook.
package struct StandIn: Sendable, Equatable, Codable {
    package var real: String
    package var test: String
    package init(real: String, test: String) {
        self.real = real
        self.test = test
    }
}
package struct EditWork: Sendable, Equatable, Codable {
    /// Relative to the runbook's folder, or absolute.
    package var file: String
    /// Every line that contains one of these is deleted.
    package var deleteLines: [String]
    package var replace: [Replacement]
    /// Lines added at the end unless they are there already.
    package var insertLines: [String]
    /// Lines added beside another, unless they are there already. Nil in older journals.
    package var insert: [PlacedLine]?
    package init(
        file: String, deleteLines: [String] = [], replace: [Replacement] = [],
        insertLines: [String] = [], insert: [PlacedLine]? = nil
    ) {
        self.file = file
        self.deleteLines = deleteLines
        self.replace = replace
        self.insertLines = insertLines
        self.insert = insert
    }
}
package struct PlacedLine: Sendable, Equatable, Codable {
    package enum Side: String, Sendable, Codable { case before, after }
    package var line: String
    package var side: Side
    /// The first line that contains this is meant.
    package var mark: String
    package init(line: String, side: Side, mark: String) {
        self.line = line
        self.side = side
        self.mark = mark
    }
}
package struct Replacement: Sendable, Equatable, Codable {
    package var old: String
    package var new: String
    package init(old: String, new: String) {
        self.old = old
        self.new = new
    }
}
package struct NotifyWork: Sendable, Equatable, Codable {
    package var roles: [String]
    package var via: [String]
    package var title: String
    package var text: String
    package init(roles: [String], via: [String], title: String, text: String) {
        self.roles = roles
        self.via = via
        self.title = title
        self.text = text
    }
}

/// Everything the step runner needs to do one step; it is written to the run directory as JSON.
package struct StepOrder: Sendable, Equatable, Codable {
    package enum Mode: String, Sendable, Codable {
        /// Check, work, verify.
        case perform
        /// Take it back: `undo`, or what the kind knows to undo by itself (remove, restore, edit).
        case undo
        /// Change nothing: say whether it is already done, would run, or would fail.
        case dryRun
    }
    package var mode: Mode
    package var step: Step
    /// Absolute; made by the engine, one for each start of each step. The order and everything the
    /// runner learns is kept there.
    package var runDirectory: String
    /// The runbook's folder, absolute.
    package var folder: String
    /// Absolute; where this procedure saves what its steps remove or change. Shared by its steps.
    package var savedDirectory: String
    /// `{{name}}` values, never secret: run_dir, service, emergency, procedure, reason …
    package var variables: [NamedText]
    package var sources: [DataSource]
    package var units: [ServiceUnit]
    package var backup: BackupDefinition
    /// Environment variables that hold secrets of the runbook; no program inherits them.
    package var secretVariables: [String]?
    /// The texts are as they are meant: what looks like `{{name}}` came from somebody's words.
    package var isFilled: Bool?
    package init(
        mode: Mode, step: Step, runDirectory: String, folder: String, savedDirectory: String,
        variables: [NamedText], sources: [DataSource], units: [ServiceUnit],
        backup: BackupDefinition
    ) {
        self.mode = mode
        self.step = step
        self.runDirectory = runDirectory
        self.folder = folder
        self.savedDirectory = savedDirectory
        self.variables = variables
        self.sources = sources
        self.units = units
        self.backup = backup
    }
}
package struct NamedText: Sendable, Equatable, Codable {
    package var name: String
    package var text: String
    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// What became of one run of a step.
package struct StepOutcome: Sendable, Equatable, Codable {
    package enum End: String, Sendable, Codable {
        /// Done, and verified where the step says how.
        case succeeded
        /// `check` held before anything was run. In a dry run: nothing would be done.
        case alreadyDone
        /// Dry run only: it would be run.
        case wouldRun
        /// Tried, and it did not work; or in a dry run: it would fail.
        case failed
        /// It cannot be known whether it ran to its end: the runner is gone without a word.
        case unknown
    }
    package var end: End
    /// One line for people, made visible; at most 500 characters.
    package var message: String
    package var seconds: Double
    /// What the step made, if it says so: the saved files, say.
    package var facts: [NamedText]
    /// The verified backup that it took.
    package var backup: BackupReceipt?
    package init(
        end: End, message: String, seconds: Double, facts: [NamedText] = [],
        backup: BackupReceipt? = nil
    ) {
        self.end = end
        self.message = message
        self.seconds = seconds
        self.facts = facts
        self.backup = backup
    }
}

/// Does steps in processes that outlive the engine.
package protocol StepPerformer: Sendable {
    /// Brings an order to its end and says what came of it. Calling it again for the same run
    /// directory, also from a later engine, never starts the work twice: it waits for the runner that
    /// is alive, or reads the end that was written, or answers `unknown`. Lines of output are handed to
    /// `output` as they come, control characters made visible.
    func perform(
        _ order: StepOrder, output: @escaping @Sendable (String) -> Void
    ) async -> StepOutcome
}
