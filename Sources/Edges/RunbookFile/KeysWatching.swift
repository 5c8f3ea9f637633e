// The keys of what is watched and when it is an emergency: components, probes, gauges, triggers.
import Domain

extension Keys {
    /// The four keys of a probe's schedule, which also make the defaults.
    private static let scheduleKeys = [
        may("every", .span(.upTo(hours: 24 * 7)), "How often it is checked; 10s by default."),
        may("timeout", .span(.upTo(hours: 1)), "When a check is given up; 5s by default."),
        may(
            "down_after", .integer(1...1000), "Failures in a row until it is failed; 3 by default."),
        may(
            "up_after", .integer(1...1000), "Successes in a row until it is healthy; 2 by default."),
    ]
    static let schedule = Shape.table(KeyTable(what: "`probe_defaults`", keys: scheduleKeys))

    static let connectivity = Shape.table(
        KeyTable(
            what: "`connectivity`",
            keys: [
                must("tcp", address, "When this cannot be reached either, the fault is ours."),
                may("every", .span(.upTo(hours: 24)), "How often it is checked; 30s by default."),
            ]))

    static let component = Shape.table(
        KeyTable(
            what: "a component",
            keys: [
                may("title", .line, "Its name for people."),
                may(
                    "weight", .number(0...1_000_000), "Its part in the health score; 1 by default."),
                may("critical", .flag, "All critical components down is a complete failure."),
                may(
                    "depends_on", .list(.reference(.component)),
                    "While one of these is failed, its own failures are consequences."),
                must(
                    "probes", .named(NamedShape(what: "a probe", value: .table(probe))),
                    "Its checks, by name."),
            ]))

    // MARK: Probes

    static let probeKinds = [
        may("http", http, "A request and its answer."),
        may("tcp", address, "A connection, as \"host:port\"."),
        may(
            "websocket",
            .table(
                KeyTable(
                    what: "`websocket`",
                    keys: [
                        must("url", .url(["ws", "wss"]), "Where the handshake is made."),
                        may(
                            "header",
                            .named(
                                NamedShape(what: "a header", rule: .header, value: value(.line))),
                            "Headers of the handshake."),
                    ])), "A handshake and the first message."),
        may(
            "process",
            .table(
                KeyTable(
                    what: "`process`",
                    keys: [
                        must(
                            "match", .pattern,
                            "A regular expression over each process's command line.")
                    ])), "A process that runs."),
        may(
            "sql",
            .table(
                KeyTable(
                    what: "`sql`",
                    keys: [
                        must("source", .reference(.database), "A data source."),
                        must("query", .script, "A query; its first value can be a metric."),
                    ])), "A query that is answered."),
        may(
            "redis",
            .table(
                KeyTable(
                    what: "`redis`",
                    keys: [
                        must("source", .reference(.redis), "A data source."),
                        must("command", argv, "The command and its arguments, such as [PING]."),
                    ])), "A command that is answered."),
        may(
            "disk",
            .table(KeyTable(what: "`disk`", keys: [must("path", .path, "A path on the disk.")])),
            "A disk's space: disk.used (per cent), disk.free (bytes)."),
        may(
            "memory", .table(KeyTable(what: "`memory`", keys: [])),
            "The machine's memory: memory.used (per cent), memory.available (bytes)."),
        may(
            "cpu", .table(KeyTable(what: "`cpu`", keys: [])),
            "The machine's processors: cpu.used (per cent), cpu.load1."),
        may(
            "systemd",
            .table(KeyTable(what: "`systemd`", keys: [must("unit", .line, "The unit's name.")])),
            "A systemd unit that is active."),
        may(
            "nagios",
            .table(
                KeyTable(
                    what: "`nagios`", keys: [must("run", argv, "The plugin and its arguments.")])),
            "Any monitoring plugin: exit code, text, perfdata."),
        may(
            "prometheus",
            .table(
                KeyTable(
                    what: "`prometheus`",
                    keys: [
                        must("url", .url(["http", "https"]), "The Prometheus server."),
                        must("query", .script, "A PromQL query; one result for each series."),
                    ])), "A query of Prometheus."),
    ]
    private static let probe = KeyTable(
        what: "a probe",
        keys: probeKinds + [
            may("expect", expectation, "What the answer must be like."),
            may(
                "metrics",
                .named(NamedShape(what: "a metric", rule: .metric, value: .table(metric))),
                "Numbers that are taken from the answer."),
            may("degraded_when", .condition, "A condition that makes it degraded."),
            may("down_when", .condition, "A condition that makes it fail."),
        ] + scheduleKeys,
        exactlyOne: [probeKinds.map(\.name)])
    private static let metric = KeyTable(
        what: "a metric",
        keys: [
            may("json", .jsonPath, "Where it stands in a JSON answer, such as $.queue.length."),
            may("value", .choice(["first"]), "The first column of the first row, or the reply."),
            may("perfdata", .line, "A label of a plugin's perfdata."),
            may("unit", .line, "Shown after the number, such as \"%\"."),
        ],
        exactlyOne: [["json", "value", "perfdata"]])

    // MARK: Gauges and triggers

    static let gauges = Shape.list(
        .table(
            KeyTable(
                what: "a gauge",
                keys: [
                    may("metric", .reference(.metric), "A metric of a probe."),
                    may("probe", .reference(.probe), "A probe; shows its latency."),
                    may("engine", .choice(engineGauges), "A number of the engine's own."),
                    may("title", .line, "Its name for people."),
                    may("good_above", .number(-1e15...1e15), "Good when it is above this."),
                    may("good_below", .number(-1e15...1e15), "Good when it is below this."),
                ],
                exactlyOne: [["metric", "probe", "engine"]])), atLeast: 0)
    static let engineGauges = [
        "emergencies", "recovery_success_rate", "rollback_success_rate", "health_score",
    ]

    static let trigger = Shape.table(
        KeyTable(
            what: "a trigger",
            keys: [
                must("when", .condition, "A condition over metrics, components and probes."),
                may(
                    "for", .span(.anyOrZero),
                    "It must hold this long before it raises an emergency."),
                must("level", .integer(1...4), "The level of the emergency; 1 is the worst."),
                must("failure", .name, "The failure type; it picks the recovery plan."),
            ]))
}
