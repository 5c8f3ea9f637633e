// What people and the world do to a simulated service, well and badly.
import Domain
import OrderedCollections
import Rules
import TestKit

extension ProcedureLife {
    static let users = ["ines", "tomas", "uma", "ada", "ben", "carl", "vera", "mallory", ""]

    mutating func move() {
        switch random.number(0...29) {
        case 0...4: trouble()
        case 5, 6: relief()
        case 7...19: command()
        case 20...22: handle()
        case 23: probes()
        case 24:
            restart(
                after: random.likely(0.7) ? .zero : random.seconds(0.5...9_000), rebooting: false)
        case 25: if random.likely(0.4) { restart(after: random.seconds(20...600), rebooting: true) }
        case 26:
            if random.likely(0.4) { sleep(for: random.seconds(20...20_000)) }
        case 27:
            if random.likely(0.4) {
                setClock(by: Double(random.pick([-90_000, -3_600, -2, 1, 4_000, 200_000])))
            }
        default: break
        }
    }

    private mutating func trouble() {
        switch random.number(0...3) {
        case 0: set(.trigger("all-down"), true)
        case 1: set(.trigger("slow"), true)
        case 2: set(.rollback("slow"), true)
        default:
            let alerts = (0...random.number(0...2)).map { _ in
                IncomingAlert(
                    problem: random.pick(ProcedureRunbook.problems),
                    fingerprint: "f\(random.number(1...3))", isFiring: random.likely(0.6),
                    text: "odd")
            }
            ask(.alerts(alerts, by: Caller(user: "am", uid: 0, pid: 1)))
            let standing = Dictionary(
                alerts.map { ("\($0.problem)/\($0.fingerprint)", $0) }, uniquingKeysWith: { $1 })
            for alert in standing.values.sorted(by: { $0.fingerprint < $1.fingerprint }) {
                let known = situation.reported[alert.problem]?.alerts ?? []
                if known.contains(alert.fingerprint) != alert.isFiring {
                    fault("an alert is lost: \(alert)")
                }
            }
        }
    }

    mutating func relief() {
        for name in ProcedureRunbook.triggers where isHealing || random.likely(0.6) {
            set(.trigger(name), false)
        }
        if isHealing || random.likely(0.5) { set(.rollback("slow"), false) }
        guard isHealing || random.likely(0.5) else { return }
        let alerts = ProcedureRunbook.problems.flatMap { problem in
            (1...3).map {
                IncomingAlert(problem: problem, fingerprint: "f\($0)", isFiring: false, text: "")
            }
        }
        ask(.alerts(alerts, by: Caller(user: "am", uid: 0, pid: 1)))
        for problem in Array(situation.reported.keys) {
            ask(.clearProblem(kind: problem), by: "ines")
        }
    }

    private mutating func probes() {
        let changes = runbook.components.filter { _ in random.likely(0.6) }.map {
            ProbeChange(
                probe: $0.probes[0].reference,
                to: random.pick([.failed, .healthy, .healthy, .degraded, .unknown]), message: "so")
        }
        ask(.probesChanged(changes))
    }

    // MARK: Operators

    /// What the moment asks for, by somebody who may or may not.
    private mutating func command() {
        let user =
            random.likely(0.6) ? random.pick(["ines", "tomas", "uma"]) : random.pick(Self.users)
        if situation.ask != nil, random.likely(0.7) {
            return random.likely(0.12)
                ? tell(.vetoRollback(text: "no"), user) : approve(random.pick(Self.users))
        }
        if !situation.announcedRules.isEmpty, random.likely(0.3) {
            return tell(.vetoRollback(text: "not now"), user)
        }
        guard let procedure = situation.procedure else { return begin(user) }
        switch (procedure.state, random.number(0...9)) {
        case (.waiting, 0...4): tell(.resolveStep(done: random.likely(0.6)), user)
        case (.waiting, 5,), (.paused, 0...2): tell(.undoRollback(toStage: stage(procedure)), user)
        case (.paused, 3...6): tell(.resumeProcedure, user)
        case (.paused, 7), (.waiting, 6): tell(.stopProcedure(text: "enough"), user)
        case (.running, 0...2): tell(.pauseProcedure, user)
        case (.running, 3): tell(.resumeProcedure, user)
        default: anything(user)
        }
    }
    private mutating func tell(_ command: Command, _ user: String) { ask(command, by: user) }

    private mutating func approve(_ user: String) {
        let plan: String? = random.likely(0.5) ? situation.ask?.plan : random.pick([nil, "other"])
        let request: String? = random.likely(0.8) ? situation.ask?.id : "request_20200101_001"
        ask(.approveRollback(ApprovalRequest(request: request, plan: plan)), by: user)
    }

    private mutating func stage(_ procedure: Procedure) -> String? {
        random.likely(0.4) ? nil : random.pick(procedure.stages).name
    }

    /// Nothing runs: something is begun.
    private mutating func begin(_ user: String) {
        switch random.number(0...15) {
        case 0...2: tell(rollback(), user)
        case 3...5: tell(.runPlaybook("playbook-\(random.number(0...2))"), user)
        case 6: tell(.recover(action: random.likely(0.5) ? nil : "action-2"), user)
        case 7: tell(.autoRecover, user)
        case 8: tell(.recoverByHand, user)
        case 9, 10: tell(.undoRollback(toStage: situation.rollback.flatMap { stage($0) }), user)
        case 11, 12: tell(.resumeProcedure, user)
        case 13: tell(.restoreBackup(RestoreBackupWork()), user)
        default: anything(user)
        }
    }

    private mutating func rollback() -> Command {
        let kinds: [String?] = ["emergency", "planned", "planned", "security", "maintenance", nil]
        return .rollback(
            RollbackRequest(
                authorization: random.pick(kinds), reason: random.pick(["", "it must be"]),
                confirmation: random.likely(0.95) ? "sample" : "Sample",
                planIsCurrent: random.likely(0.95), plan: "p\(random.number(1...3))",
                testMode: random.likely(0.2), again: random.likely(0.5)))
    }

    private mutating func anything(_ user: String) {
        let level = random.pick(Level.allCases)
        let span: Span? = random.pick([nil, .minutes(5), .hours(2)])
        switch random.number(0...17) {
        case 0: tell(.activate(level: level, reason: "felt", triggeredBy: ""), user)
        case 1, 2: tell(.acknowledge(text: "on it", span: span), user)
        case 3: tell(.setLevel(level, reason: "so"), user)
        case 4, 5: tell(.deactivate(resolvedBy: "", text: "over"), user)
        case 6: tell(.vetoRollback(text: "not now"), user)
        case 7: tell(.pauseProcedure, user)
        case 8: tell(.resumeProcedure, user)
        case 9: tell(.undoRollback(toStage: nil), user)
        case 10: tell(.stopProcedure(text: ""), user)
        case 11: tell(.resolveStep(done: random.likely(0.5)), user)
        case 12: tell(.backup, user)
        case 13: tell(.switchFallback("flash", enable: random.likely(0.5)), user)
        case 14: tell(.service(random.pick(ServiceCommand.allCases)), user)
        case 15: approve(user)
        case 16: tell(rollback(), user)
        default: tell(.handOver(to: random.pick(["ines", "uma", "ada"]), text: ""), user)
        }
    }

    /// Somebody who knows what to do looks after it.
    private mutating func handle() {
        if situation.ask != nil, random.likely(0.5) {
            for user in ["ines", "tomas", "ada", "ben", "carl", "uma"] where random.likely(0.7) {
                approve(user)
            }
        }
        switch situation.procedure?.state {
        case .waiting: ask(.resolveStep(done: true), by: "ines")
        case .paused: ask(.resumeProcedure, by: "tomas")
        case .running, .undoing, .succeeded, .failed, .undone: break
        case nil:
            if situation.rollback?.state == .failed {
                ask(random.likely(0.5) ? .resumeProcedure : .undoRollback(toStage: nil), by: "uma")
            } else if situation.emergency != nil, random.likely(0.4) {
                relief()
                ask(.deactivate(resolvedBy: "", text: "over"), by: "ines")
            }
        }
    }

    // MARK: The end

    /// The world heals, people do what is to be done, and two days pass.
    mutating func heal() {
        isHealing = true
        ask(
            .probesChanged(
                runbook.components.map {
                    ProbeChange(probe: $0.probes[0].reference, to: .healthy, message: "")
                }))
        for _ in 0..<400 {
            relief()
            let isWhole = situation.rollback?.state != .failed
            if situation.procedure == nil, situation.ask == nil, isWhole {
                if situation.emergency == nil { break }
                ask(.deactivate(resolvedBy: "", text: "well again"), by: "ines")
            }
            if situation.ask != nil, random.likely(0.1) {
                ask(.vetoRollback(text: "no need"), by: "ines")
            }
            handle()
            advance(by: .minutes(1))
            if !faults.isEmpty { return }
        }
        advance(by: .hours(49))
    }
}
