// The rules that tie people, channels and alerts together: whether anybody is reached, and who.
import Domain

extension CrossChecks {
    func checkOutreach() {
        for channel in entries("channels") { checkReserved(channel, "channel") }
        for person in entries("people") { checkReserved(person, "person") }
        for row in entries("escalation") {
            for step in row.value.items {
                checkUsers(step["via"])
                checkReach(step)
            }
        }
        for list in root.stepLists {
            for work in list.steps.flatMap(\.works) where work["notify"] != nil {
                checkUsers(work["via"])
            }
        }
        checkUsers(root["rollback"]?["afterwards"]?["notify"]?["via"])
    }

    private func checkReserved(_ entry: Tree.Entry, _ what: String) {
        let own = [OutboxMessage.statusPageChannel, OutboxMessage.ticketsChannel]
        if what == "channel", own.contains(entry.key) {
            problems.error(
                entry.place, "no channel can be called `\(entry.key)`",
                "this name stands for the top-level `\(entry.key):`")
        } else if LocalNames.isLocal(entry.key) {
            problems.error(
                entry.place, "no \(what) can be called `\(shown(entry.key))`",
                "such names stand for the addresses of \(LocalAlertsFile.name)")
        }
    }

    /// The channel of this name speaks to the people who use the service.
    private func checkUsers(_ via: Tree?) {
        for item in via?.items ?? [] where text(item) == Channel.users {
            problems.error(
                item.place, "`\(Channel.users)` reaches the people who use the service",
                "name a channel that reaches those who look after it")
        }
    }

    // MARK: Reach

    /// A step by which nobody at all can be reached is a mistake; that one person of several has no
    /// telephone is not.
    private func checkReach(_ step: Tree) {
        guard let via = step["via"], let notify = step["notify"] else { return }
        var ways: [String] = []
        for item in via.items {
            guard let name = text(item), let channel = root["channels"]?[name],
                case .map = channel.content
            else { return }
            // Every other kind of channel reaches whoever listens there.
            guard let way = ["email", "sms"].first(where: { channel[$0] != nil }) else { return }
            ways.append(way)
        }
        var people: Set<String> = []
        for item in notify.items {
            guard let name = text(item), let more = recipients(name) else { return }
            people.formUnion(more)
        }
        if ways.isEmpty || notify.items.isEmpty { return }
        for id in people {
            guard let person = root["people"]?[id], case .map = person.content else { return }
            if ways.contains(where: { person[$0] != nil }) { return }
        }
        let keys = Set(ways).sorted().map { "`\($0):`" }.joined(separator: " or ")
        problems.error(
            via.place,
            people.isEmpty
                ? "nobody is told: `notify` names nobody in particular"
                : "nobody is reached: none of those in `notify` has \(keys)",
            people.isEmpty
                ? "name people, or roles that have them as members"
                : "give them \(keys) under people:, or add another channel")
    }

    /// The people that a role or a person's id can mean; nil for a name that is not declared.
    private func recipients(_ name: String) -> Set<String>? {
        if root["people"]?[name] != nil { return [name] }
        guard root["roles"]?[name] != nil else { return nil }
        var result: Set<String> = []
        var visited: Set<String> = []
        var open = [name]
        while let role = open.popLast() {
            guard visited.insert(role).inserted, let tree = root["roles"]?[role] else { continue }
            result.formUnion((tree["members"]?.items ?? []).compactMap(text).filter { $0 != "*" })
            open += (tree["includes"]?.items ?? []).compactMap(text)
        }
        for rotation in root["on_call"]?.items ?? [] where text(rotation["role"]) == name {
            result.formUnion((rotation["order"]?.items ?? []).compactMap(text))
        }
        return result
    }

    // MARK: Alerts

    private var alertRules: [Tree] { root["alerts"]?["rules"]?.items ?? [] }
    /// The problems that raise an emergency without a trigger of the runbook.
    var raisedByAlerts: [String] {
        alertRules.filter { $0["level"] != nil }.compactMap { text($0["problem"]) }
    }

    func checkAlerts() {
        guard let alerts = root["alerts"] else { return }
        if let listen = alerts["listen"], let address = text(listen),
            ScalarRules.isAddress(address), alerts["token"] == nil, !Self.isLoopback(address)
        {
            problems.error(
                listen.place, "other machines can send alerts to `\(shown(address))`",
                "add a `token`, or listen on 127.0.0.1")
        }
        for name in Set(raisedByAlerts).map(AlertTriggers.name) {
            guard root["triggers"]?[name] != nil else { continue }
            problems.error(
                root["triggers"]?.place(of: name) ?? alerts.place,
                "the trigger `\(shown(name))` is one that `alerts:` makes by itself",
                "rename this one, or delete the `level` of the alert rule")
        }
        guard let asked = askedProblems else { return }
        for rule in alertRules where rule["level"] == nil {
            guard let problem = rule["problem"], let name = text(problem), !asked.contains(name),
                ScalarRules.nameProblem(name) == nil
            else { continue }
            let near = Nearest.name(to: name, among: asked.sorted())
            problems.error(
                problem.place,
                "nothing asks for `reported \(shown(name))`, so nothing would happen",
                near.map { "did you mean `\($0)`?" }
                    ?? "add a `level`, or a trigger with `when: reported \(shown(name))`")
        }
    }

    /// Every problem that a trigger, a rule of the rollback or an alert rule with a level asks for;
    /// nil when a condition cannot be read, which is a mistake of its own.
    private var askedProblems: Set<String>? {
        var result = Set(raisedByAlerts)
        for entry in entries("triggers") + (root["rollback"]?["when"]?.entries ?? []) {
            guard let when = text(entry.value["when"]), let parsed = try? ParsedCondition(when)
            else { return nil }
            for name in parsed.names where name.kind == .reported { result.insert(name.text) }
        }
        return result
    }

    private static func isLoopback(_ address: String) -> Bool {
        let host = address[..<(address.lastIndex(of: ":") ?? address.endIndex)].lowercased()
        return host == "localhost" || host == "[::1]"
            || host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }
    }
}
