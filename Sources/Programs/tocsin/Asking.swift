// What a person at a terminal is asked before something is done that no second word takes back.
import Domain
import Wire

#if canImport(Glibc)
    import Glibc
#endif

struct Asking {
    let session: Session

    /// Whether somebody sits there who can read and type. A script is not asked.
    static var isPossible: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// On standard error; nothing of what is agreed to is cut off.
    func show(_ lines: [Line]) {
        for line in lines.flatMap(session.errorPaper.wrapped) { Output.complain(line) }
    }

    /// - Parameter what: what follows, as in `Type the service's name to …`.
    /// - Throws: `Failure` unless a person types the service's name.
    func name(_ service: String, to what: String, rule: String) throws {
        Output.progress("\nType the service's name to \(what) (\(service)): ")
        guard readLine(strippingNewline: true) == service else {
            throw Failure(
                .refused, rule: rule, why: "the service's name was not typed; nothing was done",
                remedy: "Type \(service), or say --confirm.")
        }
    }

    /// - Throws: `Failure` unless a person says yes.
    func yes(_ question: String, rule: String) throws {
        Output.progress("\n\(question) (y/n): ")
        guard let answer = readLine(strippingNewline: true), Self.isYes(answer) else {
            throw Failure(
                .refused, rule: rule, why: "it was not confirmed; nothing was done",
                remedy: "Answer y, or say --confirm.")
        }
    }

    static func isYes(_ answer: String) -> Bool { ["y", "yes"].contains(answer.lowercased()) }
}
