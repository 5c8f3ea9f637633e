// Where the runbook, the state and the socket are: the order of precedence that every command follows.

/// Options, environment and working folder, and what follows from them. Reads no clock, no disk and no
/// environment of its own: what it must ask the world is handed in.
package struct Places {
    /// The options of a command; nil: not given.
    package var runbookOption: String?
    package var stateOption: String?
    package var socketOption: String?
    package var environment: [String: String]
    package var uid: UInt32
    /// The working folder, absolute.
    package var folder: String
    /// Whether there is a file of that path.
    package var exists: (String) -> Bool
    /// The name of the service that a runbook is about.
    package var serviceName: (String) throws -> String

    package init(
        runbookOption: String? = nil, stateOption: String? = nil, socketOption: String? = nil,
        environment: [String: String], uid: UInt32, folder: String,
        exists: @escaping (String) -> Bool, serviceName: @escaping (String) throws -> String
    ) {
        self.runbookOption = runbookOption
        self.stateOption = stateOption
        self.socketOption = socketOption
        self.environment = environment
        self.uid = uid
        self.folder = folder
        self.exists = exists
        self.serviceName = serviceName
    }

    /// Why there is no answer; `description` says what to do.
    package enum Unknown: Error, Equatable, CustomStringConvertible {
        case noRunbook(tried: [String])
        case noHome
        case serviceName(String)

        package var description: String {
            switch self {
            case .noRunbook(let tried):
                "there is no runbook: name one with --runbook or $TOCSIN_RUNBOOK, or write one with "
                    + "`tocsin init` (looked for \(tried.joined(separator: ", ")))"
            case .noHome:
                "the state has no place: $HOME and $XDG_STATE_HOME are not set; name one with --state"
            case .serviceName(let name):
                "the service's name “\(name)” cannot be part of a path; name a folder with --state"
            }
        }
    }

    /// `--runbook`, `$TOCSIN_RUNBOOK`, then the first that exists of `./tocsin.yaml`,
    /// `$XDG_CONFIG_HOME/tocsin/tocsin.yaml` and `/etc/tocsin/tocsin.yaml`.
    package func runbook() throws(Unknown) -> String {
        if let named = runbookOption ?? variable("TOCSIN_RUNBOOK") { return absolute(named) }
        var candidates = [absolute("tocsin.yaml")]
        if let configuration = userFolder("XDG_CONFIG_HOME", below: ".config") {
            candidates.append("\(configuration)/tocsin/tocsin.yaml")
        }
        candidates.append("/etc/tocsin/tocsin.yaml")
        guard let found = candidates.first(where: exists) else {
            throw .noRunbook(tried: candidates)
        }
        return found
    }

    /// `--state`, `$TOCSIN_STATE`, then `/var/lib/tocsin/SERVICE` for root and
    /// `$XDG_STATE_HOME/tocsin/SERVICE` for anyone else.
    /// - Throws: `Unknown`, or what `serviceName` throws.
    package func state() throws -> String {
        if let named = stateOption ?? variable("TOCSIN_STATE") { return absolute(named) }
        let service = try serviceName(try runbook())
        guard !service.isEmpty, service != ".", service != "..", !service.contains("/") else {
            throw Unknown.serviceName(service)
        }
        if uid == 0 { return "/var/lib/tocsin/\(service)" }
        guard let states = userFolder("XDG_STATE_HOME", below: ".local/state") else {
            throw Unknown.noHome
        }
        return "\(states)/tocsin/\(service)"
    }

    /// `--socket`, `$TOCSIN_SOCKET`, then `engine.sock` in the state's folder.
    /// - Throws: as `state()` does.
    package func socket() throws -> String {
        if let named = socketOption ?? variable("TOCSIN_SOCKET") { return absolute(named) }
        return try state() + "/engine.sock"
    }

    /// The folder that the socket lies in, where that is an engine's state folder: it holds a journal.
    /// - Throws: as `state()` does.
    package func stateOfSocket() throws -> String? {
        let socket = try socket()
        let folder = socket.lastIndex(of: "/").map { String(socket[..<$0]) } ?? ""
        return exists(folder + "/journal.db") ? folder : nil
    }

    /// The state folder that the socket lies in, where it is another one than this engine's own: clients
    /// of that socket would be shown another engine's emergencies, or none.
    /// - Parameter isSame: whether two paths lead to the same folder.
    /// - Throws: as `state()` does.
    package func foreignState(isSame: (String, String) -> Bool) throws -> String? {
        guard let folder = try stateOfSocket(), !isSame(folder, try state()) else { return nil }
        return folder
    }

    /// Whether an engine is named, by its socket or its state, and no runbook: then the engine's own is
    /// meant, and the engine knows where that is.
    package var namesOnlyAnEngine: Bool {
        let engine =
            socketOption ?? variable("TOCSIN_SOCKET") ?? stateOption ?? variable("TOCSIN_STATE")
        return engine != nil && runbookOption == nil && variable("TOCSIN_RUNBOOK") == nil
    }

    /// An environment variable; an empty one counts as not set.
    private func variable(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// A folder of the XDG Base Directory Specification; its variables count only when absolute.
    private func userFolder(_ name: String, below home: String) -> String? {
        if let path = variable(name), path.hasPrefix("/") { return trimmed(path) }
        return variable("HOME").map { trimmed(absolute($0)) + "/" + home }
    }

    private func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : trimmed(folder) + "/" + path
    }
    /// Without a slash at its end, so that one can follow; the root becomes empty.
    private func trimmed(_ path: String) -> String {
        path.hasSuffix("/") ? String(path.dropLast()) : path
    }
}
