// Everything the dashboard knows: what the engine last said, and where the operator is.
package import Domain
package import Screen
import Wire

/// What the program tells the dashboard once, when it starts.
package struct DashboardOptions: Sendable {
    /// The name of this machine, for the header.
    package var host: String
    /// Where the engine is, for messages: the socket's path.
    package var engine: String
    /// The runbook and the engine's folder, for the command that starts it; nil: not known.
    package var runbook: String?
    package var state: String?
    /// At least one.
    package var themes: [Theme]
    /// Theme files that could not be read, in words.
    package var themeProblems: [String]
    /// The id of the theme to begin with; nil: the first.
    package var theme: String?
    /// Whether news that want somebody ring the bell; a wall display does not ring.
    package var rings: Bool
    /// Whether the engine ends when the last dashboard is left: that of `tocsin demo`.
    package var isDemo: Bool
    package init(
        host: String, engine: String, runbook: String? = nil, state: String? = nil,
        themes: [Theme] = Theme.builtIn,
        themeProblems: [String] = [], theme: String? = nil, rings: Bool = true,
        isDemo: Bool = false
    ) {
        self.isDemo = isDemo
        self.theme = theme
        self.rings = rings
        self.host = host
        self.engine = engine
        self.runbook = runbook
        self.state = state
        self.themes = themes.isEmpty ? Theme.builtIn : themes
        self.themeProblems = themeProblems
    }
}

/// The screens of this version, by the numbers of their keys.
package enum Page: Int, Sendable, CaseIterable {
    case command = 1
    case emergency = 3
    case recovery = 4
    case rollback = 5
    case escalation = 6
    case backups = 7
    var title: String {
        switch self {
        case .command: "Command"
        case .emergency: "Emergency"
        case .recovery: "Recovery"
        case .rollback: "Rollback"
        case .escalation: "Escalation"
        case .backups: "Backups"
        }
    }
}

/// Whether the engine is heard.
package enum Connection: Sendable, Equatable {
    case connecting
    case live
    /// Since when, on the local clock, and why.
    case lost(since: Timestamp, why: String)
}

/// A line about what was just done or refused.
struct Notice: Sendable, Equatable {
    var text: String
    var role: StyleRole
    /// When it goes, on the local clock; nil: when it is replaced.
    var until: Timestamp?
}

package struct Model: Sendable {
    package let options: DashboardOptions
    package internal(set) var size: Size

    // What the engine said
    package internal(set) var connection = Connection.connecting
    var situation: SituationReport?
    var runbook: RunbookReport?
    var you: CallerReport?
    /// Oldest first.
    var events: [EventReport] = []
    /// The emergency that ended last while this dashboard looked, as it was at its end.
    var lastEmergency: EmergencyReport?

    // Clocks
    /// The local clock, which never goes back; it has nothing to do with the time of day.
    var now: Timestamp
    /// The engine's time minus the local clock.
    var engineAhead: Span?
    /// When the last line came, on the local clock.
    var heardAt: Timestamp?
    /// When it last rang, on the local clock.
    var rangAt: Timestamp?
    /// Until when what is typed was meant for a sheet that has just closed, on the local clock.
    var typedAheadUntil: Timestamp?

    // Where the operator is
    package internal(set) var page = Page.command
    var sheet: Sheet?
    /// The proposal that the operator selected (see `ProposalReport.key`); nil: nobody did.
    var pickedProposal: String?
    var recovery = RecoveryState()
    var rollback = RollbackState()
    var escalation = EscalationState()
    var backups = BackupsState()
    /// Lines above the newest one of the emergency's timeline.
    var timeline = 0
    var notice: Notice?
    /// Commands on their way to the engine.
    var sent: [CommandRequest] = []
    /// Which faults of the demo are switched on, as far as is known.
    var faultsOn: Set<String> = []
    package internal(set) var theme: Theme

    static let eventLimit = 200
    /// A silence of more than this is shown.
    static let staleAfter = Span.seconds(3)
    /// Whoever types on for this long after a sheet has closed has not seen that it did.
    static let typeAhead = Span.seconds(0.15)

    package init(_ options: DashboardOptions, size: Size, now: Timestamp) {
        self.options = options
        self.size = size
        self.now = now
        theme = options.themes.first { $0.id == options.theme } ?? options.themes[0]
    }

    // MARK: What follows from it

    var core: SituationCore? { situation?.core }
    var emergency: EmergencyReport? { core?.emergency }
    var level: Level? { emergency.map { Level(wire: $0.level) } }

    /// The engine's clock now; nil before the engine was heard. Once it is gone, nothing is known of
    /// later than its last word: the clock stands still there.
    var engineNow: Timestamp? {
        engineAhead.map { (isLost ? heardAt ?? now : now) + $0 }
    }

    /// Seconds from a time of the engine's until now; nil for no time.
    func seconds(since text: String?) -> Double? {
        guard let text, let moment = Timestamp(rfc3339: text), let engineNow else { return nil }
        return (engineNow - moment).seconds
    }
    /// Seconds from now until a time of the engine's; negative when it is over.
    func seconds(until text: String?) -> Double? { seconds(since: text).map { -$0 } }

    /// How long the engine has been silent, when that is worth saying.
    var silence: Double? {
        guard connection == .live, let heardAt else { return nil }
        let silent = now - heardAt
        return silent > Model.staleAfter ? silent.seconds : nil
    }
    var isLost: Bool { if case .lost = connection { true } else { false } }

    func action(named name: String) -> ActionReport? {
        runbook?.actions.first { $0.name == name }
    }

    /// The rollback that runs, waits or is paused, also in test mode; nil when none does.
    var runningRollback: ProcedureReport? {
        core?.procedure.flatMap { $0.kind == .rollback ? $0 : nil }
    }
    /// The one that screen 5 shows: what runs, what is half done, or what ended last; the other of
    /// the real one and the test where the operator asked for it.
    var anyRollback: ProcedureReport? {
        if let runningRollback { return runningRollback }
        guard let real = core?.rollback else { return core?.lastTest }
        guard let test = core?.lastTest else { return real }
        let isReal = real.state == .failed || (real.finishedAt ?? "") >= (test.finishedAt ?? "")
        return isReal != rollback.showsOther ? real : test
    }
    /// A request that waits, and nothing runs that screen 5 has to show before it.
    var shownRequest: RequestReport? { runningRollback == nil ? core?.request : nil }
    /// What runs and is no rollback: also the playbook that waits for one.
    var runningProcedure: ProcedureReport? {
        core?.procedure.flatMap { $0.kind == .rollback ? core?.playbook : $0 }
    }

    /// A person's name for a login name; the login name for anyone else.
    func person(_ user: String) -> String {
        runbook?.people.first { $0.user == user || $0.id == user }?.name ?? user
    }
    /// The first of a person's names, for narrow columns; the whole of what is no person's name:
    /// “The administrator” is not called “The”.
    func firstName(_ user: String) -> String {
        let name = person(user)
        let words = name.split(separator: " ")
        guard words.count == 2, words.allSatisfy({ $0.first?.isUppercase ?? false }),
            !Model.articles.contains(words[0].lowercased())
        else { return name }
        return String(words[0])
    }
    private static let articles: Set<String> = [
        "the", "a", "an", "der", "die", "das", "le", "la", "les", "el", "los", "las", "il",
    ]

    /// Who is on call; with overrides, where the engine says so.
    var onCall: [OnCallReport] {
        let present = core?.onCall ?? []
        return present.isEmpty ? runbook?.onCall ?? [] : present
    }

    /// What starts the engine again, as it would be typed.
    var startCommand: String {
        var words = ["tocsin engine"]
        if let path = runbook?.path ?? options.runbook {
            words.append("--runbook " + Model.quoted(path))
        }
        if let state = options.state {
            words.append("--state " + Model.quoted(state))
            if options.engine != state + "/engine.sock" {
                words.append("--socket " + Model.quoted(options.engine))
            }
        } else {
            words.append("--socket " + Model.quoted(options.engine))
        }
        return words.joined(separator: " ")
    }
    /// As a shell takes it.
    package static func quoted(_ path: String) -> String {
        let plain = path.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || "/._-+:@%,=".utf8.contains($0)
        }
        return plain && !path.isEmpty
            ? path : "'" + path.replacing("'", with: "'\\''") + "'"
    }

    /// The path of the runbook; nil before the engine was heard.
    package var runbookPath: String? { runbook?.path }

    /// What is said in the shell when the dashboard is left while something runs.
    package var goodbye: String? {
        // Of its own end the demo speaks itself.
        guard !options.isDemo, let procedure = core?.procedure, !procedure.state.isOver else {
            return nil
        }
        return "\(Visible.text(procedure.title)) goes on; `tocsin` shows it."
    }

    mutating func say(_ text: String, _ role: StyleRole = .text, for seconds: Double? = 8) {
        notice = Notice(
            text: Visible.text(text), role: role, until: seconds.map { now + .seconds($0) })
    }

    /// How long nothing on the screen changes by itself: until the next whole second of the clock
    /// that is shown.
    package func untilNextTick(at now: Timestamp) -> Span {
        let shown = engineAhead.map { now + $0 } ?? now
        let past = ((shown.milliseconds % 1000) + 1000) % 1000
        return .seconds(Double(1000 - past) / 1000)
    }
}
