// What can lie above a screen: help, palette, forms, confirmations. Each has its state here.
import Domain
import Screen
import Wire

enum Sheet: Sendable, Equatable {
    case help(scroll: Int)
    case palette(PaletteState)
    case themes(ThemesState)
    case note(TextField)
    case activate(ActivateState)
    case deactivate(DeactivateState)
    case confirm(ConfirmState)
    case undo(UndoState)
    case form(FormState)
    case fallbacks(selected: Int)
    case faults(selected: Int)
    /// A refusal or answer too long for one line.
    case report(ReportState)
}

struct PaletteState: Sendable, Equatable {
    var query = TextField()
    var selected = 0
}
struct ThemesState: Sendable, Equatable {
    var selected: Int
    /// What to go back to.
    var before: Theme
}
struct ActivateState: Sendable, Equatable {
    /// Unsure means the worst.
    var level = Level.critical
    var reason = TextField()
}
struct DeactivateState: Sendable, Equatable {
    /// Why it ends although something still fails.
    var word = TextField()
    /// Said when there is none.
    var problem: String?
}
/// A yes-or-no question before something that loses something.
struct ConfirmState: Sendable, Equatable {
    var title: String
    /// What is lost by it.
    var danger: String?
    var steps: [PlannedStepReport]
    var request: CommandRequest
    /// What `y` does, in a word or two.
    var verb = "runs it"
    var scroll = 0
    /// The form that it asks about, as it was filled in: saying no leads back to it.
    var form: FormState?
    /// What was typed of the service's name, where a letter is not enough; nil: it is.
    var name: TextField?
    /// Said when another name was typed.
    var problem: String?
}
/// How far back.
struct UndoState: Sendable, Equatable {
    /// The id of what is taken back.
    var procedure: String
    /// 0: to the start; else the place in `UndoSheet.stages`, one more.
    var selected = 0
    var scroll = 0
}
struct ReportState: Sendable, Equatable {
    var title: String
    var role: StyleRole
    var why: String
    var remedy: String
}

struct RecoveryState: Sendable, Equatable {
    var selected = 0
    var scroll = 0
}
struct EscalationState: Sendable, Equatable {
    var scroll = 0
    /// The id of the selected delivery; nil: the first.
    var selected: String?
}
struct RollbackState: Sendable, Equatable {
    /// The confirmation sheet; nil: the screen shows the rollback that runs or ran.
    var sheet: RollbackSheetState?
    /// Lines above the newest output.
    var scroll = 0
    /// The first row of the stages that is shown; nil: what is being worked on stays in sight.
    var firstStage: Int?
    /// The whole screen shows the output.
    var fullLog = false
    /// Of the last rollback and the last test, the one that ended before the other.
    var showsOther = false
    /// The plan as the engine last worked it out; nil: the runbook's, as it was when it was read.
    var plan: RollbackReport?
    /// Lines of the plan above the first that is shown, while a request waits.
    var planScroll = 0
}
struct RollbackSheetState: Sendable, Equatable {
    enum Focus: Sendable { case plan, reason, name }
    /// The id of the request that is to be approved; nil: a rollback is to be begun or asked for.
    var request: String?
    var focus = Focus.plan
    var scroll = 0
    /// The place among the plan's authorizations; one more is test mode.
    var authorization = 0
    /// The operator has picked it; until then the first that is allowed stands there.
    var isPicked = false
    var reason = TextField()
    var name = TextField()
    /// The plan as the engine last worked it out for this sheet; nil: the runbook's is shown.
    var plan: RollbackReport?
    var loading = true
    var dryRun = DryRun.none
    /// Said when something does not fit: a wrong name, a plan that has changed.
    var problem: String?
    enum DryRun: Sendable, Equatable { case none, running, done }
}

struct BackupsState: Sendable, Equatable {
    /// Nil before the engine has answered.
    var list: BackupListReport?
    var loading = false
    /// Why there is no newer list.
    var problem: String?
    /// The id of the selected one; nil: the newest.
    var selected: String?
    /// What verifying found while this dashboard looked, by id.
    var found: [String: Verification] = [:]
    var sheet: RestoreState?
    enum Verification: Sendable, Equatable {
        case running, whole
        case damaged([String])
        case failed(String)
    }
}
/// What of a backup is put back.
struct RestoreState: Sendable, Equatable {
    enum Focus: Sendable { case parts, path, name }
    struct Part: Sendable, Equatable {
        enum Kind: Sendable { case path, database }
        var kind: Kind
        var name: String
        var isOn = true
        /// Typed by the operator: not one of the runbook's.
        var isTyped = false
    }
    var backup: BackupReport
    var parts: [Part]
    var selected = 0
    var focus = Focus.parts
    var path = TextField()
    var name = TextField()
    var problem: String?
}
