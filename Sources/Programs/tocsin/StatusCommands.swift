// Looking: `status`, `health-check` and the checks of single parts.
import ArgumentParser
import Domain
import FoundationEssentials
import Link
import Wire

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "status", "The situation: level, health, components, what to do next.",
        """
        Exit status: 0 healthy, 1 degraded, 2 failed, 3 unknown: the health of the service, whether or \
        not an emergency is open (`level` in the JSON document says that).
        """,
        ("tocsin status", "for people"),
        ("tocsin status --output json | jq .health", "for scripts"))
    @OptionGroup var common: CommonOptions

    static func with(_ common: CommonOptions) -> Status {
        var command = Status()
        command.common = common
        return command
    }

    func run() throws {
        try reporting(.check, common) { session in
            try session.showSituation { StatusText($0).lines }
        }
    }
}

struct HealthCheck: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "health-check", "The health score, and every probe with its last answer.",
        "Exit status: 0 healthy, 1 degraded, 2 failed, 3 unknown.",
        ("tocsin health-check", "every probe"),
        ("tocsin health-check >/dev/null || page-me", "from cron"))
    @OptionGroup var common: CommonOptions

    static func with(_ common: CommonOptions) -> HealthCheck {
        var command = HealthCheck()
        command.common = common
        return command
    }

    func run() throws {
        try reporting(.check, common) { session in
            try session.showSituation { StatusText($0).health }
        }
    }
}

/// The words of the engine's document that decide an exit status.
struct Verdict: Decodable {
    struct Part: Decodable { var state: Health }
    var health: Part
}

extension Session {
    /// Prints the situation; as JSON it is the engine's own document, of which only one word is read.
    /// - Returns: the exit status.
    fileprivate func showSituation(_ text: (SituationReport) -> [Line]) throws -> Int32 {
        if common.output == .json {
            let document = try bytes("/v1/situation")
            let verdict = try WireCoding.decode(Verdict.self, from: document)
            try Output.write(String(decoding: document, as: UTF8.self) + "\n")
            return verdict.health.state.status
        }
        let situation = try situation()
        try show(text(situation))
        return situation.core.health.state.status
    }
}

struct CheckWebsockets: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "check-websockets", "Looks at every WebSocket probe now.",
        "Exit status: 0 healthy, 1 degraded, 2 failed, 3 unknown.",
        ("tocsin check-websockets", "look now"),
        ("tocsin check-websockets --output json", "the probes as JSON"))
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.check, common) { session in
            try PartCheck(what: "WebSocket", kinds: ["websocket"]).run(session)
        }
    }
}

struct CheckDatabase: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "check-database", "Looks at every database probe now.",
        "Exit status: 0 healthy, 1 degraded, 2 failed, 3 unknown.",
        ("tocsin check-database", "look now"),
        ("tocsin check-database --output json", "the probes as JSON"))
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.check, common) { session in
            try PartCheck(what: "database", kinds: ["sql", "redis"]).run(session)
        }
    }
}

/// Looks at the probes of some kinds, and says how they are.
private struct PartCheck {
    let what: String
    let kinds: Set<String>

    struct Answer: Encodable {
        var state: Health
        var probes: [Entry]
    }
    struct Entry: Encodable {
        var component: String
        var probe: ProbeReport
    }

    func run(_ session: Session) throws -> Int32 {
        for entry in entries(try session.situation()) {
            // A look out of turn is a courtesy: without the right to it, the last one must do.
            let name = "\(entry.component).\(entry.probe.name)"
            do { _ = try session.command(CommandRequest(command: "check-now", name: name)) } catch {
                guard let failure = error as? Failure, failure.kind == .refused else { throw error }
            }
        }
        let found = entries(try session.situation())
        guard let state = Health.worst(found.map { Self.state($0.probe) }) else {
            throw Failure(
                .failed, rule: "no-probe", why: "the runbook has no \(what) probe",
                remedy: "Add one under components:")
        }
        try session.show(Answer(state: state, probes: found)) {
            table(
                found.map { entry in
                    let state = Self.state(entry.probe)
                    return [
                        (state.sign, state.ink),
                        ("\(entry.component).\(entry.probe.name)", .strong),
                        (state.rawValue, state.ink), (entry.probe.message, .plain),
                    ]
                })
        }
        return state.status
    }

    private func entries(_ situation: SituationReport) -> [Entry] {
        situation.components.flatMap { component in
            component.probes.filter { kinds.contains($0.kind) }.map {
                Entry(component: component.name, probe: $0)
            }
        }
    }

    /// A probe that fails now is at best degraded, also before it counts as failed.
    private static func state(_ probe: ProbeReport) -> Health {
        probe.state == .healthy && probe.failing > 0 ? .degraded : probe.state
    }
}
