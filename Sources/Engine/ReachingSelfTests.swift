// The part of `test-emergency-procedures` about people: channels, contacts, shifts, the matrix and its
// clocks. Nothing is sent: tests of delivery are `test-alerts`.
import Domain
import OrderedCollections
import Rules
import Wire

struct ReachingSelfTests: Sendable {
    let context: ReportContext
    let world: SelfTestWorld

    private var runbook: Runbook { context.runbook }

    /// May wait for the disk.
    var checks: [CheckReport] {
        channels + Level.allCases.map(matrix) + clocks + shifts + contacts + support
    }

    // MARK: Channels

    private var channels: [CheckReport] {
        let known = context.channels
        guard !known.isEmpty else {
            return [
                CheckReport(
                    subject: "channels", name: "any", state: .failed,
                    message: "the runbook has no channel: nobody is told of anything",
                    remedy: "Add channels: to it")
            ]
        }
        return known.map { report in
            var check = CheckReport(
                subject: "channel \(report.name)", name: report.kind, state: .healthy, message: "")
            if let fault = fault(of: report.name) {
                check.state = .failed
                check.message = fault
                check.remedy = "Mend that, then try it: tocsin test-alerts"
                return check
            }
            switch report.state {
            case .works: check.message = "works; last used \(report.deliveredAt ?? "")"
            case .unused:
                check.message = "is set up; nothing has gone through it yet"
                check.remedy = "Try it: tocsin test-alerts"
            case .failing:
                check.state = .degraded
                check.message = "failed last: \(report.trouble)"
                check.remedy = "Mend it, then try it: tocsin test-alerts"
            }
            return check
        }
    }

    /// What is missing for it to be used at all: a program, a secret.
    private func fault(of name: String) -> String? {
        var values: [Value] = []
        switch context.rules.route(name) {
        case .channel(let channel):
            switch channel.kind {
            case .email(let mail): values = [mail.password].compactMap { $0 }
            case .sms(let request): values = Self.values(request)
            case .webhook(let url, let secret):
                values = [url] + (secret.map { [.secret($0)] } ?? [])
            case .slack(let url), .alertmanager(let url): values = [url]
            case .ntfy(let url, let token): values = [url] + [token].compactMap { $0 }
            case .pagerduty(let key, _): values = [key]
            case .command(let run, _):
                let program = run.first ?? ""
                let path =
                    program.contains("/") && !program.hasPrefix("/")
                    ? "\(runbook.folder)/\(program)" : program
                if !world.isProgram(path) { return "\(Visible.text(path)) cannot be run" }
            }
        case .statusPage(.http(let request)): values = Self.values(request)
        case .statusPage(.statuspage(let account)): values = [account.token]
        case .tickets(let tickets): values = Self.values(tickets.request)
        case nil: return "the runbook has no such channel"
        }
        for case .secret(let secret) in values {
            do { try world.readSecret(secret) } catch { return "\(error)" }
        }
        return nil
    }
    private static func values(_ request: HTTPRequest) -> [Value] {
        var values = [request.url] + request.headers.map(\.value)
        if case .form(let fields) = request.body { values += fields.map(\.value) }
        if let login = request.login { values += [login.user, login.password] }
        return values
    }

    // MARK: The matrix

    /// Whether an emergency of a level reaches somebody, by the runbook and by how channels went last.
    static func reach(
        of level: Level, _ context: ReportContext
    ) -> (state: CheckReport.State, message: String, remedy: String) {
        let steps = context.runbook.escalation.first { $0.level == level }?.steps ?? []
        guard !steps.isEmpty else {
            return (
                .failed, "the matrix has no row for it: nobody is told",
                "Add `\(level.rawValue):` under escalation:"
            )
        }
        let failing = Set(context.channels.filter { $0.state == .failing }.map(\.name))
        var reached: OrderedSet<String> = []
        var unreached: OrderedSet<String> = []
        var doubtful: OrderedSet<String> = []
        for step in steps {
            for id in context.rules.people(of: step.notify, in: context.situation, at: context.now)
            {
                let name = context.rules.authority.person(id: id)?.name ?? id
                let ways = context.rules.waysOfEmergency(step.via, to: id)
                if ways.isEmpty {
                    unreached.append(name)
                } else if ways.allSatisfy(failing.contains) {
                    doubtful.append(name)
                } else {
                    reached.append(name)
                }
            }
        }
        let ticket = steps.contains(where: \.ticket) && context.runbook.tickets != nil
        unreached.subtract(reached)
        doubtful.subtract(reached)
        let list = context.rules.authority.list
        if reached.isEmpty, doubtful.isEmpty {
            return ticket
                ? (.healthy, "a ticket is opened", "")
                : (
                    .failed, "it reaches nobody",
                    "Give the people of its steps an address on one of the channels in `via:`"
                )
        }
        if reached.isEmpty {
            return (
                .degraded, "every channel to \(list(Array(doubtful), "and")) failed last",
                "Mend one, then try it: tocsin test-alerts"
            )
        }
        if !unreached.isEmpty {
            return (
                .degraded,
                "reaches \(list(Array(reached), "and")), but by no channel "
                    + list(Array(unreached), "or"),
                "Give them an address on one of the channels in `via:`"
            )
        }
        return (.healthy, "reaches \(list(Array(reached), "and"))", "")
    }

    private func matrix(_ level: Level) -> CheckReport {
        let reach = Self.reach(of: level, context)
        return CheckReport(
            subject: "escalation",
            name: "level \(level.rawValue), \(context.rules.levelName(level))",
            state: reach.state, message: reach.message, remedy: reach.remedy)
    }

    /// Response times: no slower than the emergency procedures', and the first step in time for them.
    private var clocks: [CheckReport] {
        runbook.levels.map { definition in
            let level = definition.level
            let first = runbook.escalation.first { $0.level == level }?.steps.first
            var check = CheckReport(
                subject: "response time", name: "level \(level.rawValue)", state: .healthy,
                message: "respond within \(definition.respondWithin.spelled)"
                    + (first.map { ", told after \($0.after.spelled)" } ?? ""))
            if definition.respondWithin > level.respondWithin {
                check.state = .degraded
                check.message += "; the emergency procedures say \(level.respondWithin.spelled)"
                check.remedy = "Say respond_within: \(level.respondWithin.spelled)"
            } else if let first, first.after >= definition.respondWithin {
                check.state = .failed
                check.message += ": too late"
                check.remedy = "Take the first step of the row earlier"
            }
            return check
        } + measured
    }

    private var measured: [CheckReport] {
        let kpis = context.kpis
        return [
            ("mean time to detect", kpis.detectSeconds, runbook.targets.detect),
            ("mean time to respond", kpis.respondSeconds, runbook.targets.respond),
        ].compactMap { name, seconds, target in
            guard let seconds else { return nil }
            let late = seconds > target.seconds
            return CheckReport(
                subject: "response time", name: name, state: late ? .degraded : .healthy,
                message: "\(Span.seconds(seconds.rounded()).spelled); target \(target.spelled)",
                remedy: late ? "See what took long: tocsin emergencies" : "")
        }
    }

    // MARK: Who

    private var shifts: [CheckReport] {
        runbook.onCall.map { rotation in
            let name = "on call: \(rotation.role)"
            guard
                let now = context.rules.people(
                    of: [rotation.role], in: context.situation, at: context.now
                ).first, let person = context.rules.authority.person(id: now),
                context.rules.authority.onCall(rotation, at: context.now) != nil
            else {
                return CheckReport(
                    subject: "people", name: name, state: .failed,
                    message: "nobody is on call: the rotation begins \(rotation.from.rfc3339)",
                    remedy: "Let it begin earlier, or set somebody: tocsin on-call")
            }
            return CheckReport(
                subject: "people", name: name, state: .healthy, message: "\(person.name) now")
        }
    }

    private var contacts: [CheckReport] {
        let people = runbook.people.filter { !$0.user.isEmpty }
        let via = runbook.channels.map(\.name).filter { $0 != Rules.usersChannel }
        let empty = runbook.roles.filter {
            !$0.members.contains("*") && context.rules.authority.members(of: $0.name).isEmpty
        }
        return people.map { person in
            let personal = [person.email, person.sms].compactMap { $0 }
            let ways = context.rules.waysOfEmergency(via, to: person.id)
            var check = CheckReport(
                subject: "people", name: person.name, state: .healthy,
                message: ways.isEmpty ? "" : "by \(context.rules.authority.list(ways))")
            if ways.isEmpty {
                check.state = .degraded
                check.message = "no channel reaches them"
                check.remedy = "Add `email:` or `sms:`, as the channels need it"
            } else if personal.isEmpty {
                check.state = .degraded
                check.message += ", but they have no address of their own"
                check.remedy = "Add `email:` or `sms:`"
            }
            return check
        }
            + empty.map {
                CheckReport(
                    subject: "people", name: "role \($0.name)", state: .degraded,
                    message: "nobody is in it", remedy: "Add members: to it")
            }
    }

    private var support: [CheckReport] {
        guard !runbook.externalSupport.isEmpty else {
            return [
                CheckReport(
                    subject: "external support", name: "any", state: .degraded,
                    message: "the runbook names none",
                    remedy: "Add vendors, hosting and security under external_support:")
            ]
        }
        return runbook.externalSupport.map { contact in
            let ways = [contact.phone, contact.email].compactMap { $0 }
            return CheckReport(
                subject: "external support", name: contact.name,
                state: ways.isEmpty ? .degraded : .healthy,
                message: ways.isEmpty ? "neither phone nor address" : ways.joined(separator: ", "),
                remedy: ways.isEmpty ? "Add `phone:` or `email:`" : "")
        }
    }
}
