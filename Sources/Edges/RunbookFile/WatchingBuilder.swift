// Makes what is watched of a checked tree: data sources, components, probes, gauges and triggers.
import Domain

extension RunbookBuilder {
    func addWatching(_ book: inout Runbook) throws(Misfit) {
        let sources = try root.named("data_sources") { name, tree throws(Misfit) in
            DataSource(name: name, kind: try sourceKind(tree))
        }
        book.sources = sources
        book.units = try root.named("units") { name, tree throws(Misfit) in
            ServiceUnit(
                name: name, start: paths.program(try tree.texts("start")),
                stop: paths.program(try tree.texts("stop")),
                status: try tree.optional("status") { tree throws(Misfit) in
                    paths.program(try tree.asTexts())
                })
        }
        book.connectivity = try root["connectivity"].map { tree throws(Misfit) in
            let (host, port) = try address(try tree.value("tcp"))
            return Connectivity(
                host: host, port: port, every: try tree.span("every", or: .seconds(30)))
        }
        let standard = try schedule(root["probe_defaults"], or: ProbeSchedule())
        let byName = Dictionary(sources.map { ($0.name, $0) }) { first, _ in first }
        book.components = try root.named("components") { name, tree throws(Misfit) in
            Component(
                name: name, title: try tree.optionalText("title") ?? name,
                weight: try tree.number("weight", or: 1),
                critical: try tree.flag("critical", or: false),
                dependsOn: try tree.texts("depends_on"),
                probes: try tree.named("probes") { probe, tree throws(Misfit) in
                    try self.probe(
                        ProbeReference(component: name, probe: probe), tree, standard, byName)
                })
        }
        book.gauges = try root.each("gauges", gauge)
        book.triggers = try root.named("triggers") { name, tree throws(Misfit) in
            Trigger(
                name: name, when: try tree.value("when").asCondition(),
                holds: try tree.span("for", or: .zero), level: try tree.value("level").asLevel(),
                failure: try tree.text("failure"))
        }
    }

    private func sourceKind(_ tree: Tree) throws(Misfit) -> DataSourceKind {
        if let mysql = tree["mysql"] { return .mysql(try server(mysql, port: 3306)) }
        if let postgresql = tree["postgresql"] {
            return .postgresql(try server(postgresql, port: 5432))
        }
        if let sqlite = tree["sqlite"] {
            return .sqlite(path: paths.absolute(try sqlite.text("path")))
        }
        return .redis(url: try value(try tree.value("redis").value("url")))
    }
    private func server(_ tree: Tree, port: Int) throws(Misfit) -> DatabaseServer {
        let host: String
        if let socket = try tree.optional("socket", absolute) {
            host = socket
        } else {
            host = try tree.text("host")
        }
        return DatabaseServer(
            host: host, port: try tree.integer("port", or: port),
            database: try tree.text("database"), user: try tree.text("user"),
            password: try tree.optional("password", value),
            tls: try tree.optional("tls") { tree throws(Misfit) in try tree.asChoice() },
            tlsCA: try tree.optional("tls_ca", absolute))
    }
    private func absolute(_ tree: Tree) throws(Misfit) -> String {
        paths.absolute(try tree.asText())
    }

    private func address(_ tree: Tree) throws(Misfit) -> (host: String, port: Int) {
        if case .map = tree.content {
            return (try tree.text("host"), try tree.value("port").asInteger())
        }
        let text = try tree.asText()
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...])
        else {
            throw Misfit(place: tree.place, expected: "host:port")
        }
        // An IPv6 address stands in brackets to be told from its port.
        return (text[..<colon].trimming { "[]".contains($0) }, port)
    }

    private func schedule(
        _ tree: Tree?, or standard: ProbeSchedule
    ) throws(Misfit) -> ProbeSchedule {
        guard let tree else { return standard }
        return ProbeSchedule(
            every: try tree.span("every", or: standard.every),
            timeout: try tree.span("timeout", or: standard.timeout),
            downAfter: try tree.integer("down_after", or: standard.downAfter),
            upAfter: try tree.integer("up_after", or: standard.upAfter))
    }

    // MARK: Probes

    private func probe(
        _ reference: ProbeReference, _ tree: Tree, _ standard: ProbeSchedule,
        _ sources: [String: DataSource]
    ) throws(Misfit) -> Probe {
        Probe(
            reference: reference, check: try check(tree, sources), expect: try expectation(tree),
            metrics: try tree.named("metrics", metric),
            degradedWhen: try tree.optional("degraded_when") { tree throws(Misfit) in
                try tree.asCondition()
            },
            downWhen: try tree.optional("down_when") { tree throws(Misfit) in try tree.asCondition()
            },
            schedule: try schedule(tree, or: standard))
    }

    private func check(_ tree: Tree, _ sources: [String: DataSource]) throws(Misfit) -> Check {
        if let http = tree["http"] { return .http(try request(http)) }
        if let tcp = tree["tcp"] {
            let (host, port) = try address(tcp)
            return .tcp(host: host, port: port)
        }
        if let socket = tree["websocket"] {
            return .websocket(url: try socket.text("url"), headers: try values(socket, "header"))
        }
        if let process = tree["process"] { return .process(match: try process.text("match")) }
        if let sql = tree["sql"] {
            return .sql(source: try source(sql, sources), query: try sql.text("query"))
        }
        if let redis = tree["redis"] {
            return .redis(source: try source(redis, sources), command: try redis.texts("command"))
        }
        if let disk = tree["disk"] { return .disk(path: paths.absolute(try disk.text("path"))) }
        if tree["memory"] != nil { return .memory }
        if tree["cpu"] != nil { return .cpu }
        if let systemd = tree["systemd"] { return .systemd(unit: try systemd.text("unit")) }
        if let nagios = tree["nagios"] {
            return .nagios(run: paths.program(try nagios.texts("run")))
        }
        let prometheus = try tree.value("prometheus")
        return .prometheus(url: try prometheus.text("url"), query: try prometheus.text("query"))
    }

    private func source(
        _ tree: Tree, _ sources: [String: DataSource]
    ) throws(Misfit) -> DataSource {
        guard let source = sources[try tree.text("source")] else {
            throw Misfit(place: tree.place, expected: "a data source")
        }
        return source
    }

    private func metric(_ name: String, _ tree: Tree) throws(Misfit) -> MetricRule {
        let source: MetricSource
        if let path = try tree.optionalText("json") {
            source = .json(path)
        } else if let label = try tree.optionalText("perfdata") {
            source = .perfdata(label)
        } else {
            _ = try tree.value("value")
            source = .first
        }
        return MetricRule(name: name, source: source, unit: try tree.optionalText("unit") ?? "")
    }

    private func gauge(_ tree: Tree) throws(Misfit) -> Gauge {
        let (source, title) = try gaugeSource(tree)
        return Gauge(
            source: source, title: try tree.optionalText("title") ?? title,
            goodAbove: try tree.optionalNumber("good_above"),
            goodBelow: try tree.optionalNumber("good_below"))
    }
    private func gaugeSource(_ tree: Tree) throws(Misfit) -> (Gauge.Source, title: String) {
        if let metric = try tree.optionalText("metric") { return (.metric(metric), metric) }
        if let probe = tree["probe"] {
            let reference = try probe.asProbe()
            return (.probe(reference), reference.description)
        }
        switch try tree.text("engine") {
        case "emergencies": return (.emergencies, "Emergencies (24 h)")
        case "recovery_success_rate": return (.recoverySuccessRate, "Recovery success")
        case "rollback_success_rate": return (.rollbackSuccessRate, "Rollback success")
        case "health_score": return (.healthScore, "Health score")
        default: throw Misfit(place: tree.place, expected: "a gauge of the engine")
        }
    }
}

extension Substring {
    fileprivate func trimming(_ isUnwanted: (Character) -> Bool) -> String {
        var rest = self
        while let first = rest.first, isUnwanted(first) { rest = rest.dropFirst() }
        while let last = rest.last, isUnwanted(last) { rest = rest.dropLast() }
        return String(rest)
    }
}
