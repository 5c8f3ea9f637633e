// What can be run on screen 4: actions, manual instructions, playbooks, fallbacks and services.
import Domain
import Screen
import Wire

/// Something on the recovery screen that can be run.
struct RecoveryItem: Sendable, Equatable {
    enum Kind: Sendable, Equatable { case action, byHand, playbook, fallback, service }
    var kind: Kind
    var action: ActionReport

    /// As the engine names the procedure that they become.
    static let byHand = "by-hand"

    /// Stopping the service is never done by one key alone.
    var asksFirst: Bool {
        switch kind {
        case .service: !action.name.hasPrefix("verify")
        // A playbook is more than one thing: whoever runs it sees all of it first.
        case .playbook: rollsBack || action.steps.contains(where: \.staysDone)
        case .action, .byHand, .fallback: false
        }
    }
    /// Such a playbook is confirmed as a rollback is: by the service's name.
    var rollsBack: Bool {
        kind == .playbook && action.steps.contains { $0.kind == "rollback" && !$0.isTest }
    }

    /// What is lost by it, said before it is run.
    func danger(in model: Model) -> String? {
        guard kind == .playbook else { return action.danger }
        var sentences: [String] = []
        if rollsBack { sentences.append("Rolls the service back" + rollbackTerms(model)) }
        let stay = action.steps.count { $0.staysDone && $0.kind != "rollback" }
        if stay > 0 {
            sentences.append(
                Numbers.counted(stay, "step", "steps") + " cannot be taken back")
        }
        return sentences.isEmpty ? action.danger : sentences.joined(separator: " · ")
    }

    /// Under which authorization, and whose agreement that waits for.
    private func rollbackTerms(_ model: Model) -> String {
        let kinds = action.steps.filter { $0.kind == "rollback" && !$0.isTest }
            .compactMap(\.authorization)
        guard let kind = kinds.first else { return "" }
        let rule = model.runbook?.rollback?.authorizations.first { $0.kind == kind }
        let needs = rule.map { ", which needs \($0.needs)" } ?? ""
        let missing = rule?.missing.map { "; it waits for \($0)" } ?? ""
        return " under \(kind) authorization" + needs + missing
    }

    /// The command that runs it.
    func request(in model: Model) -> CommandRequest {
        switch kind {
        case .action: return CommandRequest(command: "recover", name: action.name)
        case .byHand: return CommandRequest(command: "recover-by-hand")
        case .playbook: return CommandRequest(command: "run", name: action.name)
        case .fallback:
            let enabled = model.core?.fallbacks.first { $0.name == action.name }?.enabled ?? false
            return CommandRequest(
                command: enabled ? "disable-fallback" : "enable-fallback", name: action.name)
        case .service: return RecoveryItem.service(action.name)
        }
    }
    /// The engine names them by their commands; the emergency start is a start with a name.
    private static func service(_ name: String) -> CommandRequest {
        name == "start-services-emergency"
            ? CommandRequest(command: "start-services", name: "emergency")
            : CommandRequest(command: name)
    }

    /// Whether a procedure that runs or ran is this.
    func matches(_ kind: ProcedureKind, _ name: String) -> Bool {
        switch self.kind {
        case .action, .byHand: kind == .recovery && name == action.name
        case .playbook: kind == .playbook && name == action.name
        case .fallback: kind == .fallback && name == action.name
        case .service: kind == .service && RecoveryItem.services[name] == action.name
        }
    }
    /// The commands by the names of their procedures.
    private static let services = [
        "stop": "stop-services", "start": "start-services",
        "emergency-start": "start-services-emergency", "verify": "verify-services",
    ]
}

/// A step as it is planned or as it ran: what taking it back means is the same for both.
protocol Undoing {
    var kind: String { get }
    var command: String { get }
    var undoable: Bool { get }
}
extension PlannedStepReport: Undoing {}
extension StepReport: Undoing {}

extension Undoing {
    /// It changes something, and what it changes cannot be taken back. The engine says so, and nobody
    /// else: plan, dry run and undo mark the same steps.
    var staysDone: Bool { !undoable }
    /// It only looks, tells or keeps: taking it back is doing nothing.
    var changesNothing: Bool {
        guard undoable else { return false }
        let first = command.split(separator: " ").first?.uppercased()
        return switch kind {
        case "probe", "assess", "wait", "confirm", "notify", "backup", "calm": true
        case "http": first == "GET" || first == "HEAD"
        case "sql": first == "SELECT"
        default: false
        }
    }
}

extension PlannedStepReport {
    /// Of a rollback: `emergency` of `rollback (emergency)`.
    var authorization: String? {
        guard kind == "rollback", let open = command.firstIndex(of: "("), command.last == ")" else {
            return nil
        }
        return String(command[command.index(after: open)...].dropLast())
    }
    /// A rollback in test mode.
    var isTest: Bool { authorization == "test-mode" }
}

extension Model {
    /// What the runbook plans for the open emergency's failure.
    var recoveryPlan: RecoveryPlanReport? {
        guard let failure = emergency?.failure else { return nil }
        return runbook?.plans.first { $0.failure == failure }
    }
    /// The manual instructions of the open emergency's plan, as something that can be run.
    var byHand: RecoveryItem? {
        guard let plan = recoveryPlan, !plan.manual.isEmpty else { return nil }
        return RecoveryItem(
            kind: .byHand,
            action: ActionReport(
                name: RecoveryItem.byHand, title: "Recover by hand", danger: nil,
                steps: plan.manual.map {
                    PlannedStepReport(
                        name: $0, kind: "confirm", command: "", undoable: true)
                }))
    }
    /// Ends of the procedures that an item was, newest first.
    func past(of item: RecoveryItem) -> [PastReport] {
        (core?.past ?? []).filter { item.matches($0.kind, $0.name) && !$0.testMode }
    }
}

extension PastReport {
    var seconds: Double {
        guard let start = Timestamp(rfc3339: startedAt), let end = Timestamp(rfc3339: finishedAt)
        else { return 0 }
        return max(0, (end - start).seconds)
    }
}

/// Steps as they will be run, in lines.
enum PlanText {
    /// - Parameter marks: whether what cannot be taken back says so.
    static func step(
        _ step: PlannedStepReport, number: Int, width: Int, marks: Bool = false
    ) -> [[Run]] {
        var head = [Run(number < 10 ? " \(number) " : "\(number) ", .dim)]
        if step.isInstead { head.append(Run("or ", .warning, .bold)) }
        head.append(Run(step.name, .text))
        if marks, step.staysDone, step.kind != "rollback" {
            head.append(Run("  ▲ cannot be undone", .warning, .bold))
        }
        if let forecast = step.forecast { head += [Run("  "), Forecast(forecast).head] }
        var lines = [head]
        if step.isInstead {
            lines.append([Run("     only if the one before fails", .warning)])
        }
        guard step.kind == "rollback" else { return lines + command(step, width: width) }
        let terms =
            step.isTest
            ? "a rollback in test mode: nothing real is touched"
            : "a rollback, authorization \(step.authorization ?? "unknown")"
        lines.append([
            Run(step.isTest ? "     " : "     ▲ ", .warning, .bold),
            Run(terms, step.isTest ? .dim : .warning),
        ])
        return lines
    }

    static func command(_ step: PlannedStepReport, width: Int) -> [[Run]] {
        guard !step.command.isEmpty, step.command != step.name else { return [] }
        let prompt = ["run", "shell", "service"].contains(step.kind) ? "$ " : ""
        return Wrap.lines(prompt + step.command, width: max(8, width - 5), limit: 12).map {
            [Run("     " + $0, .dim)]
        }
    }

    /// `already done`, `will run`, `would fail`, and what more the dry run says of it.
    struct Forecast {
        var head: Run
        private var detail: String

        init(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 1)
            let word = parts.first.map(String.init) ?? text
            detail = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
            head =
                if word.hasPrefix("would fail") {
                    Run("✖ " + word, .bad, .bold)
                } else if word.hasPrefix("already") {
                    Run("· " + word, .dim)
                } else {
                    Run("✔ " + word, .good)
                }
        }

        func details(width: Int) -> [[Run]] {
            guard !detail.isEmpty else { return [] }
            let role: StyleRole = head.style.role == .bad ? .bad : .dim
            return Wrap.lines("→ " + detail, width: max(8, width - 5), limit: 4).map {
                [Run("     " + $0, role)]
            }
        }
    }
}
