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
    /// The whole screen shows the output.
    var fullLog = false
}
struct RollbackSheetState: Sendable, Equatable {
    enum Focus: Sendable { case plan, reason, name }
    var focus = Focus.plan
    var scroll = 0
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
