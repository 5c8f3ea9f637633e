// The work `service`: the runbook's own start and stop commands, or systemd.
import Domain
import Files
import Glibc

extension StepSession {
    /// Done when the service is as it should be, not when a command says so: after each command its
    /// status is asked until it holds. A service that was as it should be stays a success, whatever
    /// its command says; `restart` stops and starts in any case.
    func service(_ verb: ServiceVerb, _ unit: String, _ timeout: Span) throws(Fault) -> WorkEnd {
        let commands = ServiceCommands(unit, order.units)
        try checkKnown(commands)
        let deadline = secondsSinceBoot() + timeout.seconds
        switch verb {
        case .start: return try bring(commands, up: true, deadline)
        case .stop: return try bring(commands, up: false, deadline)
        case .restart:
            guard case .failed(let why) = try bring(commands, up: false, deadline) else {
                let end = try bring(commands, up: true, deadline)
                guard case .failed(let why) = end else { return .done("\(unit) runs again") }
                return .failed("\(unit) was stopped, but: \(why)")
            }
            return .failed(why)
        }
    }

    /// Without this, the fault would only name a program that nobody wrote down.
    private func checkKnown(_ commands: ServiceCommands) throws(Fault) {
        guard commands.known != nil else { return }
        do throws(Fault) {
            _ = try find("systemctl", try environment()["PATH"])
        } catch {
            throw Fault(
                operation: "control", subject: commands.unit,
                cause: "`units:` has no commands for it, and there is no systemctl on this machine")
        }
    }

    private func bring(
        _ commands: ServiceCommands, up: Bool, _ deadline: Double
    ) throws(Fault) -> WorkEnd {
        let before = try runs(commands, deadline)
        let arguments = up ? commands.start : commands.stop
        output.say("$ " + described(.run(arguments, input: nil)))
        let left = Span.seconds(max(0.001, deadline - secondsSinceBoot()))
        let end = try start(arguments, adding: ServiceCommands.plainOutput, left)
        let words = output.lastWords()
        if let trouble = end.trouble {
            if before == up, try runs(commands, deadline) == up {
                return .done("\(commands.unit) \(up ? "ran" : "was stopped") already")
            }
            return .failed(words.isEmpty ? trouble : "\(trouble): \(words)")
        }
        guard commands.status != nil else {
            return .done("\(commands.unit): \(up ? "start" : "stop") command ended well")
        }
        var pause = 0.02
        while try runs(commands, deadline) != up {
            guard secondsSinceBoot() + pause < deadline else {
                return .failed(
                    "\(commands.unit) \(up ? "does not run" : "still runs") after its "
                        + (up ? "start" : "stop") + " command" + (words.isEmpty ? "" : ": \(words)")
                )
            }
            usleep(UInt32(pause * 1_000_000))
            pause = min(0.5, pause * 2)
        }
        return .done("\(commands.unit) \(up ? "runs" : "is stopped")")
    }

    /// Nil when it cannot be told.
    private func runs(_ commands: ServiceCommands, _ deadline: Double) throws(Fault) -> Bool? {
        guard let status = commands.status else { return nil }
        let left = Span.seconds(max(0.001, deadline - secondsSinceBoot()))
        switch try start(status, quietly: true, adding: ServiceCommands.plainOutput, left) {
        case .exited(let code): return code == 0
        case .signalled, .timedOut: return nil
        }
    }

    func forecastService(_ verb: ServiceVerb, _ unit: String) throws(Fault) -> Forecast {
        let commands = ServiceCommands(unit, order.units)
        try checkKnown(commands)
        for command in [commands.start, commands.stop, commands.status ?? commands.stop] {
            _ = try find(command.first ?? "", try environment()["PATH"])
        }
        let limit = patience(with: .service(verb, unit: unit))
        let deadline = secondsSinceBoot() + limit.seconds
        if let known = commands.known {
            let end = try start(
                known, quietly: true, adding: ServiceCommands.plainOutput, limit)
            if case .timedOut = end {
                return .wouldFail("systemd did not answer within \(limit.spelled)")
            }
            guard end.trouble == nil else {
                return .wouldFail(
                    "systemd knows no unit \(unit), and `units:` has no commands for it")
            }
        }
        switch (verb, try runs(commands, deadline)) {
        case (.start, true): return .nothingToDo("\(unit) runs already")
        case (.stop, false): return .nothingToDo("\(unit) is stopped already")
        default:
            return .wouldRun(
                "would run " + described(.service(verb, unit: unit), units: order.units))
        }
    }
}

/// How a service is started, stopped and asked.
struct ServiceCommands {
    var unit: String
    var start: [String]
    var stop: [String]
    /// Exit status 0: it runs.
    var status: [String]?
    /// Exit status 0: there is such a unit. Nil: there is.
    var known: [String]?

    init(_ unit: String, _ units: [ServiceUnit]) {
        self.unit = unit
        if let own = units.first(where: { $0.name == unit }) {
            start = own.start
            stop = own.stop
            status = own.status
        } else {
            start = ["systemctl", "start", "--", unit]
            stop = ["systemctl", "stop", "--", unit]
            status = ["systemctl", "is-active", "--quiet", "--", unit]
            known = ["systemctl", "cat", "--", unit]
        }
    }
    /// Keeps systemctl from colours, pagers and questions.
    static let plainOutput: [String: String?] = [
        "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "", "SYSTEMD_URLIFY": "0",
    ]
}
