// What is said of an engine: where it is, how one is started, and why one is not.
import Dashboard
import Domain
import Engine
import FoundationEssentials
import Link

#if canImport(Glibc)
    import Glibc
#endif

enum EngineWords {
    /// What somebody who starts an engine in a terminal wants to know.
    static func hello(_ runbook: Runbook, socket: String) -> [String] {
        let probes = Words.count(
            runbook.components.reduce(0) { $0 + $1.probes.count }, "probe", "probes")
        let components = Words.count(runbook.components.count, "component", "components")
        let service = Visible.text(runbook.service.name)
        return [
            "tocsin: watching \(service): \(probes) of \(components), by "
                + "\(Visible.text(runbook.path, limit: 4096)); Ctrl-C ends the engine.",
            "  Look, from another shell: tocsin --socket \(Model.quoted(socket))",
        ]
    }

    /// What to do when nobody answers on the socket. Where an engine worked beside it, one with another
    /// state would know nothing of what it was in the middle of.
    /// - Parameter read: the text of a file; nil: there is none.
    static func remedy(_ places: Places, read: (String) -> String?) -> String {
        guard let socket = try? places.socket(), let state = try? places.stateOfSocket() else {
            return "Start one with `tocsin engine`, or name its socket with --socket."
        }
        let last = read(state + "/" + EngineProgram.runbookNote)?
            .split(separator: "\n").first.map(String.init)
        let runbook = last ?? (places.namesOnlyAnEngine ? nil : try? places.runbook())
        var words = [
            "tocsin engine", "--runbook \(runbook.map(Model.quoted) ?? "FILE")",
            "--state \(Model.quoted(state))",
        ]
        if socket != state + "/engine.sock" { words.append("--socket \(Model.quoted(socket))") }
        return "Start it again, where it left off: \(words.joined(separator: " "))"
    }

    /// - Throws: `Failure` when the socket lies in the state folder of another engine.
    static func refuseForeignState(_ places: Places) throws {
        guard let other = try places.foreignState(isSame: isSameFolder) else { return }
        let own = try places.state()
        throw Failure(
            .usage, rule: "socket-of-another-state",
            why:
                "the socket \(try places.socket()) lies in the state folder of another engine, and "
                + "this one's would be \(own): whoever looks there would no longer see what that "
                + "one knows",
            remedy:
                "To go on where it left off: --state \(Model.quoted(other)). For an engine of its "
                + "own: another socket, with --socket or $TOCSIN_SOCKET.")
    }

    private static func isSameFolder(_ one: String, _ other: String) -> Bool {
        var (first, second) = (stat(), stat())
        guard stat(one, &first) == 0, stat(other, &second) == 0 else { return one == other }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }
}
