// Components and their probes: what is watched, how, and what a single check answered.

package struct Component: Sendable, Equatable {
    package var name: String
    package var title: String
    /// Its part in the health score; 0 or more.
    package var weight: Double
    package var critical: Bool
    package var dependsOn: [String]
    package var probes: [Probe]
    package init(
        name: String, title: String, weight: Double, critical: Bool, dependsOn: [String],
        probes: [Probe]
    ) {
        self.name = name
        self.title = title
        self.weight = weight
        self.critical = critical
        self.dependsOn = dependsOn
        self.probes = probes
    }
}

package struct Probe: Sendable, Equatable {
    package var reference: ProbeReference
    package var check: Check
    package var expect: Expectation
    package var metrics: [MetricRule]
    package var degradedWhen: Condition?
    package var downWhen: Condition?
    package var schedule: ProbeSchedule
    package init(
        reference: ProbeReference, check: Check, expect: Expectation = Expectation(),
        metrics: [MetricRule] = [], degradedWhen: Condition? = nil, downWhen: Condition? = nil,
        schedule: ProbeSchedule = ProbeSchedule()
    ) {
        self.reference = reference
        self.check = check
        self.expect = expect
        self.metrics = metrics
        self.degradedWhen = degradedWhen
        self.downWhen = downWhen
        self.schedule = schedule
    }
}

/// When a probe is checked, and how many answers in a row change its state.
package struct ProbeSchedule: Sendable, Equatable {
    package var every: Span
    package var timeout: Span
    /// Failures in a row until it is failed; 1 or more.
    package var downAfter: Int
    /// Successes in a row until it is healthy again; 1 or more.
    package var upAfter: Int
    package init(
        every: Span = .seconds(10), timeout: Span = .seconds(5), downAfter: Int = 3,
        upAfter: Int = 2
    ) {
        self.every = every
        self.timeout = timeout
        self.downAfter = downAfter
        self.upAfter = upAfter
    }
}

/// The kinds of check.
package enum Check: Sendable, Equatable {
    case http(HTTPRequest)
    case tcp(host: String, port: Int)
    case websocket(url: String, headers: [NamedValue])
    /// A regular expression over each process's command line (arguments joined by spaces).
    case process(match: String)
    case sql(source: DataSource, query: String)
    case redis(source: DataSource, command: [String])
    case disk(path: String)
    case memory
    case cpu
    case systemd(unit: String)
    /// A monitoring plugin: exit code 0–3, text, perfdata.
    case nagios(run: [String])
    case prometheus(url: String, query: String)

    /// The runbook's word for it.
    package var kind: String {
        switch self {
        case .http: "http"
        case .tcp: "tcp"
        case .websocket: "websocket"
        case .process: "process"
        case .sql: "sql"
        case .redis: "redis"
        case .disk: "disk"
        case .memory: "memory"
        case .cpu: "cpu"
        case .systemd: "systemd"
        case .nagios: "nagios"
        case .prometheus: "prometheus"
        }
    }
}

/// How a metric is taken from an answer.
package struct MetricRule: Sendable, Equatable {
    package var name: String
    package var source: MetricSource
    package var unit: String
    package init(name: String, source: MetricSource, unit: String) {
        self.name = name
        self.source = source
        self.unit = unit
    }
}
package enum MetricSource: Sendable, Equatable {
    /// A JSON path such as `$.delivery.success_rate` or `$.items[0].n`.
    case json(String)
    /// The first column of the first row.
    case first
    /// A label of a plugin's perfdata.
    case perfdata(String)
}

/// What one check answered, before the schedule's counting makes a state of it.
package struct CheckResult: Sendable, Equatable {
    package enum Answer: String, Sendable { case good, degraded, bad, unknown }
    package var answer: Answer
    /// Seconds from start to end.
    package var latency: Double
    /// One line for people; control characters already made visible; at most 500 characters.
    package var message: String
    package var metrics: [Metric]
    package init(answer: Answer, latency: Double, message: String, metrics: [Metric] = []) {
        self.answer = answer
        self.latency = latency
        self.message = message
        self.metrics = metrics
    }
}
package struct Metric: Sendable, Equatable {
    package var name: String
    /// Always finite.
    package var value: Double
    package var unit: String
    package init(name: String, value: Double, unit: String) {
        self.name = name
        self.value = value
        self.unit = unit
    }
}

/// Makes checks. Never throws and never outlasts the probe's timeout: a fault is an answer.
package protocol Checker: Sendable {
    func check(_ probe: Probe) async -> CheckResult
}
