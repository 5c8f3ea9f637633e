// The names that a runbook declares, so that every reference to one can be checked.
import Domain

struct Names {
    private var lists: [Reference: [String]] = [:]
    private var sets: [Reference: Set<String>] = [:]
    /// Probes whose metrics are not declared and come with the answer: any name below `component.probe.` may come.
    private var openProbes: Set<String> = []
    /// What is declared where something else than a map stands: that is the problem, not each name.
    private var unreadable: Set<Reference> = []
    /// Where each metric is declared, for finding those that are declared twice.
    private(set) var declaredMetrics: [(name: String, place: Place)] = []

    init(_ root: Tree) {
        func keys(_ key: String) -> [String] { root[key]?.entries.map(\.key) ?? [] }
        declare(.component, keys("components"))
        declare(.person, keys("people"))
        declare(.role, keys("roles"))
        declare(.recipient, keys("roles") + keys("people"))
        declare(.member, keys("people") + ["*"])
        declare(.channel, keys("channels"))
        declare(.source, keys("data_sources"))
        declare(.action, keys("actions"))
        declare(.fallback, keys("fallbacks"))
        declare(.playbook, keys("playbooks"))
        declare(.drill, keys("drills"))
        declareSources(root)
        let authorizations = root["rollback"]?["authorization"]?.entries.map(\.key) ?? []
        declare(.authorization, root["rollback"] == nil ? [] : authorizations + ["test-mode"])
        declareProbes(root)
        for (section, kinds) in Self.sections where root[section]?.isUnreadable == true {
            unreadable.formUnion(kinds)
        }
        if root["rollback"]?.isUnreadable == true
            || root["rollback"]?["authorization"]?.isUnreadable == true
        {
            unreadable.insert(.authorization)
        }
    }
    private static let sections: [(String, [Reference])] = [
        ("components", [.component, .probe, .metric]), ("people", [.person, .member, .recipient]),
        ("roles", [.role, .recipient]), ("channels", [.channel]),
        ("data_sources", [.source, .database, .redis]), ("actions", [.action]),
        ("fallbacks", [.fallback]), ("playbooks", [.playbook]), ("drills", [.drill]),
    ]

    private mutating func declare(_ kind: Reference, _ names: [String]) {
        lists[kind] = names
        sets[kind] = Set(names)
    }

    /// A source of a kind that is not known may be either.
    private mutating func declareSources(_ root: Tree) {
        let sources = root["data_sources"]?.entries ?? []
        let sql = ["mysql", "postgresql", "sqlite"]
        declare(.database, sources.filter { $0.value["redis"] == nil }.map(\.key))
        declare(
            .redis,
            sources.filter { source in !sql.contains { source.value[$0] != nil } }.map(\.key))
    }

    private mutating func declareProbes(_ root: Tree) {
        var probes: [String] = []
        var metrics: [String] = []
        var builtIn: [String] = []
        for component in root["components"]?.entries ?? [] {
            if component.value.isUnreadable || component.value["probes"]?.isUnreadable == true {
                unreadable.formUnion([.probe, .metric])
            }
            for probe in component.value["probes"]?.entries ?? [] {
                let reference = "\(component.key).\(probe.key)"
                probes.append(reference)
                if probe.value.isUnreadable || probe.value["metrics"]?.isUnreadable == true {
                    unreadable.insert(.metric)
                }
                let own = declareMetrics(of: probe.value, reference, &metrics)
                for name in own where !builtIn.contains(name) { builtIn.append(name) }
            }
        }
        declare(.probe, probes)
        declare(.metric, builtIn + metrics)
    }

    /// Adds what a probe measures, by its short and its full name; answers the built-in ones.
    private mutating func declareMetrics(
        of probe: Tree, _ reference: String, _ metrics: inout [String]
    ) -> [String] {
        let declared = probe["metrics"]?.entries ?? []
        declaredMetrics += declared.map { ($0.key, $0.place) }
        let builtIn = Self.builtIn.filter { probe[$0.0] != nil }.flatMap(\.1)
        if declared.isEmpty, probe["nagios"] != nil || probe["prometheus"] != nil {
            openProbes.insert(reference)
        }
        metrics += declared.map(\.key)
        // `host.disk.used` is the same as `host.disk.disk.used`.
        let short = builtIn.compactMap { $0.split(separator: ".").last.map(String.init) }
        metrics += (["latency"] + declared.map(\.key) + builtIn + short).map {
            "\(reference).\($0)"
        }
        return builtIn
    }

    /// What probes of these kinds measure without being told to.
    private static let builtIn: [(String, [String])] = [
        ("disk", ["disk.used", "disk.free"]),
        ("memory", ["memory.used", "memory.available"]),
        ("cpu", ["cpu.used", "cpu.load1"]),
    ]

    func contains(_ kind: Reference, _ name: String) -> Bool {
        if unreadable.contains(kind) || sets[kind]?.contains(name) == true { return true }
        guard kind == .metric else { return false }
        let parts = name.split(separator: ".")
        return parts.count > 2 && openProbes.contains("\(parts[0]).\(parts[1])")
    }

    func all(_ kind: Reference) -> [String] { lists[kind] ?? [] }
}

extension Tree {
    /// Something that should be a map and is not, so that a problem is reported for it.
    fileprivate var isUnreadable: Bool {
        if case .map = content { false } else { true }
    }
}

extension Reference {
    /// What such a thing is called in a message.
    var noun: String {
        switch self {
        case .component: "component"
        case .probe: "probe"
        case .metric: "metric"
        case .person, .member: "person"
        case .role: "role"
        case .recipient: "role or person"
        case .channel: "channel"
        case .database: "SQL data source"
        case .redis: "Redis data source"
        case .source: "data source"
        case .action: "action"
        case .fallback: "fallback"
        case .playbook: "playbook"
        case .drill: "drill"
        case .authorization: "authorization of the rollback"
        }
    }
    /// Where such things are declared.
    var home: String {
        switch self {
        case .component: "components:"
        case .probe, .metric: "probes: of a component"
        case .person, .member: "people:"
        case .role: "roles:"
        case .recipient: "roles: or people:"
        case .channel: "channels:"
        case .database, .redis, .source: "data_sources:"
        case .action: "actions:"
        case .fallback: "fallbacks:"
        case .playbook: "playbooks:"
        case .drill: "drills:"
        case .authorization: "rollback: authorization:"
        }
    }
}
