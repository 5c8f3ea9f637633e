// The rules that tie parts of a runbook together: order, numbers of people, and things said twice.
import Domain

struct CrossChecks {
    let root: Tree
    let names: Names
    let problems: ProblemList

    func check() {
        checkPeople()
        checkEscalation()
        checkOutreach()
        checkAlerts()
        checkProbes()
        checkGauges()
        checkTriggers()
        checkRollback()
        checkTwice(root["external_support"]?.items ?? [], by: "name", "external contact")
        checkTwice(root["reviews"]?.items ?? [], by: "name", "review")
        checkSteps()
        checkStandIns()
        checkCycles()
    }

    func entries(_ key: String) -> [Tree.Entry] { root[key]?.entries ?? [] }
    func text(_ tree: Tree?) -> String? {
        guard let tree, !tree.isBroken, !tree.isEmpty else { return nil }
        return tree.scalar?.text
    }
    func shown(_ text: String) -> String { Visible.text(text, limit: 80) }

    /// Items of a list that must differ in one key.
    private func checkTwice(_ items: [Tree], by key: String, _ what: String) {
        var seen: Set<String> = []
        for item in items {
            guard let value = item[key], let text = text(value) else { continue }
            if !seen.insert(text).inserted {
                problems.error(value.place, "there are two \(what)s called `\(shown(text))`")
            }
        }
    }

    // MARK: People

    private func checkPeople() {
        var users: [String: String] = [:]
        for person in entries("people") {
            let user = text(person.value["user"]) ?? person.key
            if let other = users[user] {
                problems.error(
                    person.value["user"]?.place ?? person.place,
                    "the login name `\(shown(user))` is `\(shown(other))`'s already",
                    "the engine could not tell them apart")
            }
            users[user] = person.key
        }
        for role in entries("roles") where root["people"]?[role.key] != nil {
            problems.error(
                role.place, "`\(shown(role.key))` is both a role and a person",
                "`notify` could mean either; rename one")
        }
    }

    /// The members of a role and of the roles that it includes; nil for anyone.
    private func members(of role: String, seen: inout Set<String>) -> Set<String>? {
        guard seen.insert(role).inserted, let tree = root["roles"]?[role] else { return [] }
        var result: Set<String> = []
        for member in tree["members"]?.items ?? [] {
            guard let name = text(member) else { continue }
            if name == "*" { return nil }
            result.insert(name)
        }
        for included in tree["includes"]?.items ?? [] {
            guard let name = text(included) else { continue }
            guard let more = members(of: name, seen: &seen) else { return nil }
            result.formUnion(more)
        }
        return result
    }

    private func checkEscalation() {
        for row in entries("escalation") {
            var latest: Span?
            for step in row.value.items {
                guard let after = step["after"], let span = text(after).flatMap({ Span($0) }) else {
                    continue
                }
                if let latest, span < latest {
                    problems.error(
                        after.place,
                        "this step comes after one at `\(latest.spelled)`, which is later",
                        "put the steps in the order of `after`")
                }
                latest = max(latest ?? span, span)
            }
            for step in row.value.items where step["ticket"]?.flag == true && root["tickets"] == nil
            {
                problems.warning(
                    step.place(of: "ticket"), "no ticket can be opened: there is no `tickets:`")
            }
        }
    }

    // MARK: Watching

    private func checkProbes() {
        var seen: [String: Place] = [:]
        for metric in names.declaredMetrics {
            if let first = seen[metric.name] {
                problems.error(
                    metric.place,
                    "the metric `\(shown(metric.name))` is declared twice (first in line \(first.line))",
                    "a metric comes from one probe")
            } else {
                seen[metric.name] = metric.place
            }
        }
        for component in entries("components") {
            for probe in component.value["probes"]?.entries ?? [] {
                guard let kind = Keys.probeKinds.first(where: { probe.value[$0.name] != nil })?.name
                else { continue }
                checkExpectation(probe.value["expect"], of: kind)
                if let expect = probe.value["expect"], expect["keep"] != nil {
                    problems.error(
                        expect.place(of: "keep"), "a probe keeps nothing",
                        "`keep` belongs to `http` steps, for the steps after them")
                }
                checkMetrics(probe.value["metrics"]?.entries ?? [], of: kind)
            }
        }
    }

    /// What can be expected of a kind besides `under`.
    private static let expectations = [
        "http": ["status", "body"], "websocket": ["message"], "redis": ["reply"],
    ]
    private func checkExpectation(_ expect: Tree?, of kind: String) {
        let own = Self.expectations[kind] ?? []
        for entry in expect?.entries ?? []
        where entry.key != "under" && !own.contains(entry.key)
            && Self.expectations.values.contains(where: { $0.contains(entry.key) })
        {
            problems.error(
                entry.place, "`\(entry.key)` cannot be expected of `\(kind)`",
                "what can be: " + (own + ["under"]).map { "`\($0)`" }.joined(separator: ", "))
        }
    }

    /// Where a metric can come from, by the kind of its probe.
    private static let metricKinds = [
        "json": ["http", "websocket"], "value": ["sql", "redis", "prometheus"],
        "perfdata": ["nagios"],
    ]
    private func checkMetrics(_ metrics: [Tree.Entry], of kind: String) {
        for metric in metrics {
            for entry in metric.value.entries {
                guard let kinds = Self.metricKinds[entry.key], !kinds.contains(kind) else {
                    continue
                }
                let list = kinds.map { "`\($0)`" }.joined(separator: ", ")
                problems.error(
                    entry.place, "`\(entry.key)` is a metric of \(list), not of `\(kind)`",
                    Self.metricKinds.first { $0.value.contains(kind) }.map { "use `\($0.key)`" })
            }
        }
    }

    private func checkGauges() {
        for gauge in root["gauges"]?.items ?? [] {
            if let above = gauge["good_above"]?.number, let below = gauge["good_below"]?.number,
                above >= below
            {
                problems.error(
                    gauge.place(of: "good_below"), "nothing is above \(above) and below \(below)")
            }
        }
    }

    private func checkTriggers() {
        let failures =
            entries("triggers").compactMap { text($0.value["failure"]) } + raisedByAlerts
        for plan in root["recovery"]?["plans"]?.entries ?? [] where !failures.contains(plan.key) {
            problems.warning(
                plan.place,
                "no trigger has the failure `\(shown(plan.key))`, so this plan is never used",
                failures.isEmpty
                    ? nil
                    : problems.suggestion(for: plan.key, among: failures, called: "failures"))
        }
    }

    // MARK: Rollback

    /// The seven parts of the rollback procedures.
    static let stages = [
        "service shutdown", "component removal", "legacy restoration", "database rollback",
        "configuration update", "service restart", "validation",
    ]

    private func checkRollback() {
        guard let rollback = root["rollback"], case .map = rollback.content else { return }
        if let stages = rollback["stages"], case .list(let items) = stages.content {
            if items.count != Self.stages.count, !items.isEmpty {
                problems.error(
                    rollback.place(of: "stages"),
                    "a rollback has seven stages, this one has \(items.count)",
                    "in order: " + Self.stages.joined(separator: ", "))
            }
            checkTwice(items, by: "name", "stage")
            for stage in items where stage["steps"]?.content.isEmptyList == true {
                problems.warning(stage.place(of: "steps"), "this stage does nothing")
            }
        }
        // The engine takes a backup before the first stage even where the preflight does not say so.
        if root["backup"] == nil {
            problems.warning(
                root.place(of: "rollback"),
                "the backup before the rollback saves nothing: there is no `backup:`",
                "add `backup:` with `to` and `files` or `databases`")
        }
        for kind in rollback["authorization"]?.entries ?? [] {
            for need in kind.value["needs"]?.entries ?? [] { checkNeed(need) }
        }
    }

    private func checkNeed(_ need: Tree.Entry) {
        guard root["roles"]?[need.key] != nil, let count = need.value.integer else { return }
        var seen: Set<String> = []
        guard let members = members(of: need.key, seen: &seen), members.count < count else {
            return
        }
        problems.error(
            need.value.place,
            "`\(shown(need.key))` has \(members.count) \(members.count == 1 ? "member" : "members"), "
                + "so \(count) can never agree",
            "add members to the role or ask for fewer")
    }
}

extension Tree.Content {
    fileprivate var isEmptyList: Bool {
        if case .list(let items) = self { items.isEmpty } else { false }
    }
}

// MARK: Steps

extension CrossChecks {
    private func checkSteps() {
        for list in root.stepLists {
            for step in list.steps {
                for work in step.works { checkWork(work, in: list.owner) }
                if let undo = step["undo"], undo["status_page"] != nil, step["status_page"] == nil {
                    problems.error(
                        undo.place(of: "status_page"),
                        "`undo: status_page` takes back a `status_page` only",
                        "say here how the step's own work is taken back")
                }
                for key in ["check", "verify"] {
                    guard let sql = step[key]?["sql"], sql["run"] != nil else { continue }
                    problems.error(
                        sql.place(of: "run"), "`\(key)` only looks, it cannot run statements",
                        "write a `query`, with `equals`, `at_least` or `at_most`")
                }
            }
        }
    }

    private func checkWork(_ work: Tree, in owner: StepList.Owner) {
        if let restore = work["restore"] { checkRestore(restore) }
        if let remove = work["remove"] { checkRemove(remove) }
        if let shell = work["shell"], text(shell)?.contains("{{") == true {
            problems.error(
                shell.place, "`shell` fills in no {{…}}: values must not meet a shell",
                "use `run`, or read the value from the environment")
        }
        for kind in ["http", "redis"] where work[kind] != nil {
            checkExpectation(work["expect"], of: kind)
        }
        if let expect = work["expect"], expect["keep"] != nil, work["http"] == nil {
            problems.error(
                expect.place(of: "keep"), "only `http` can `keep` a part of what was answered")
        }
        if owner == .rollback, work["rollback"] != nil {
            problems.error(work.place(of: "rollback"), "a rollback cannot run a rollback")
        }
        if work["backup"] != nil || work["restore_database"] != nil, root["backup"] == nil {
            let key = work["backup"] != nil ? "backup" : "restore_database"
            problems.error(
                work.place(of: key), "`\(key)` needs to know what is saved, and where",
                "add `backup:` with `to` and `files` or `databases`")
        }
        if let status = work["status_page"], case .map = status.content, root["status_page"] == nil
        {
            problems.warning(
                work.place(of: "status_page"),
                "no status page can be updated: there is no top-level `status_page:`")
        }
    }

    /// What is tested on must not be what it stands in for.
    private func checkStandIns() {
        let test = root["rollback"]?["test"]
        for key in ["units", "sources", "addresses"] {
            for entry in test?[key]?.entries ?? [] where text(entry.value) == entry.key {
                problems.error(
                    entry.value.place, "`\(shown(entry.key))` cannot stand in for itself",
                    "name another one that is there for testing")
            }
        }
        for entry in test?["sources"]?.entries ?? [] {
            guard let name = text(entry.value), name != entry.key,
                let real = root["data_sources"]?[entry.key],
                let stand = root["data_sources"]?[name], endpoint(real) == endpoint(stand)
            else { continue }
            problems.error(
                entry.value.place,
                "`\(shown(name))` is the same database as `\(shown(entry.key))`: a test would "
                    + "overwrite it",
                "give it a `database:` (or file) of its own")
        }
    }

    /// What tells one data source's contents from another's; who logs in does not.
    private func endpoint(_ source: Tree) -> [String] {
        (source.entries.first).map { entry in
            [entry.key]
                + ["path", "host", "port", "socket", "database", "url"].map { key in
                    key + "=" + (entry.value[key].flatMap(text) ?? "")
                }
        } ?? []
    }

    private static let restoreKeys = ["git": "revision", "copy": "folder", "archive": "file"]
    private func checkRestore(_ restore: Tree) {
        guard let from = text(restore["from"]), let wanted = Self.restoreKeys[from] else { return }
        if restore[wanted] == nil {
            problems.error(
                restore.place, "`restore` with `from: \(from)` needs the key `\(wanted)`")
        }
        for entry in restore.entries
        where entry.key != wanted && Self.restoreKeys.values.contains(entry.key) {
            problems.error(
                entry.place, "`\(entry.key)` does not go with `from: \(from)`", "delete it")
        }
    }

    /// Refuses what would remove much more than anybody means.
    private func checkRemove(_ remove: Tree) {
        for item in remove.items {
            guard let path = text(item) else { continue }
            let parts = path.split(separator: "/").filter { $0 != "." }
            if parts.isEmpty || parts.contains("..")
                || parts.allSatisfy({ $0 == "*" || $0 == "**" })
            {
                problems.error(
                    item.place, "`remove` does not take `\(shown(path))`",
                    "name files or folders below the runbook's folder")
            }
        }
    }

    // MARK: Cycles

    private func checkCycles() {
        report(
            "components", "depends_on",
            entries("components").map { ($0.key, $0.value["depends_on"]) })
        report("roles", "includes", entries("roles").map { ($0.key, $0.value["includes"]) })
        report("drills", "drills", entries("drills").map { ($0.key, $0.value["drills"]) })
        var steps = Graph()
        for list in root.stepLists {
            let from: String
            switch list.owner {
            case .action(let name): from = "action \(name)"
            case .playbook(let name): from = "playbook \(name)"
            case .rollback, .other: continue
            }
            for work in list.steps.flatMap(\.works) {
                for kind in ["action", "playbook"] {
                    guard let target = work[kind], let name = text(target) else { continue }
                    steps.add(from, "\(kind) \(name)", at: target.place)
                }
            }
        }
        for cycle in steps.cycles() {
            problems.error(
                cycle.place, "this runs in a circle: " + shownPath(cycle.path),
                "leave one of them out")
        }
    }

    private func report(_ what: String, _ key: String, _ lists: [(String, Tree?)]) {
        var graph = Graph()
        for (from, list) in lists {
            for item in list?.items ?? [] {
                if let to = text(item) { graph.add(from, to, at: item.place) }
            }
        }
        for cycle in graph.cycles() {
            problems.error(
                cycle.place, "`\(key)` of the \(what) goes in a circle: " + shownPath(cycle.path),
                "leave one of them out")
        }
    }

    private func shownPath(_ path: [String]) -> String {
        Visible.text(path.joined(separator: " → "), limit: 300)
    }
}

/// Names that lead to names.
struct Graph {
    private var edges: [String: [(to: String, place: Place)]] = [:]
    private var order: [String] = []

    mutating func add(_ from: String, _ to: String, at place: Place) {
        if edges[from] == nil { order.append(from) }
        edges[from, default: []].append((to, place))
    }

    /// Every edge that closes a circle, with the names on it. A walk in depth with a stack of its own:
    /// a chain may be as long as the runbook.
    func cycles() -> [(path: [String], place: Place)] {
        var result: [(path: [String], place: Place)] = []
        var done: Set<String> = []
        for start in order where !done.contains(start) {
            var path: [(name: String, next: Int)] = [(start, 0)]
            var onPath: [String: Int] = [start: 0]
            while let top = path.last {
                let targets = edges[top.name] ?? []
                guard top.next < targets.count else {
                    done.insert(top.name)
                    onPath[top.name] = nil
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let edge = targets[top.next]
                if let first = onPath[edge.to] {
                    result.append((path[first...].map(\.name) + [edge.to], edge.place))
                } else if !done.contains(edge.to) {
                    onPath[edge.to] = path.count
                    path.append((edge.to, 0))
                }
            }
        }
        return result
    }
}
