// The works `run`, `shell` and `service`: programs with arguments that nothing interprets.
import Domain
import Files
import FoundationEssentials
import Glibc

extension StepSession {
    func run(_ arguments: [String], input: String?, _ timeout: Span) throws(Fault) -> WorkEnd {
        var filled: [String] = []
        for argument in arguments { filled.append(try fill(argument)) }
        let text: String?
        if let input { text = try fill(input) } else { text = nil }
        output.say("$ " + described(.run(filled, input: text)))
        return ended(try start(filled, input: text, timeout))
    }

    /// The line is the runbook's, word for word: values reach it through its environment only.
    func shell(_ line: String, _ timeout: Span) throws(Fault) -> WorkEnd {
        try refuseNames(in: line)
        output.say("$ " + described(.shell(line)))
        return ended(try start(["/bin/sh", "-c", line], timeout))
    }

    /// A `{{name}}` in a line for the shell would be run as text; the author meant the variable.
    func refuseNames(in line: String) throws(Fault) {
        for name in Template.names(in: line)
        where order.variables.contains(where: { $0.name == name }) {
            throw Fault(
                operation: "fill in {{\(name)}}", subject: "shell",
                cause: "values never meet a shell; write \"$\(Self.variable(name))\" instead")
        }
    }

    private func ended(_ end: ProgramEnd) -> WorkEnd {
        let words = output.lastWords()
        guard let trouble = end.trouble else {
            return .done(words.isEmpty ? "exit status 0" : words)
        }
        let message = words.isEmpty ? trouble : "\(trouble): \(words)"
        switch end {
        case .exited: return .failed(message)
        case .signalled, .timedOut: return .cutOff(message)
        }
    }

    /// Runs a program of the runbook or of the system to its end.
    /// - Parameters:
    ///   - quietly: what it says is dropped.
    ///   - variables: added to its environment; nil takes one away.
    ///   - user: as the user that the step names.
    ///   - file: takes what it says instead of the step's output.
    func start(
        _ arguments: [String], input: String? = nil, quietly: Bool = false,
        adding variables: [String: String?] = [:], as user: Bool = true, into file: Int32? = nil,
        _ timeout: Span
    ) throws(Fault) -> ProgramEnd {
        var environment = try environment()
        for (name, value) in variables { environment[name] = value }
        let account = user ? try Account(becoming: order.step.runAs) : nil
        if let account {
            environment["HOME"] = account.home
            environment["SHELL"] = account.shell
            environment["USER"] = account.name
            environment["LOGNAME"] = account.name
        }
        let place = RawPath(order.step.directory ?? order.folder)
        environment["PWD"] = order.step.directory ?? order.folder
        let nowhere: Int32? =
            quietly ? try Files.open(RawPath("/dev/null"), O_WRONLY | O_CLOEXEC, "open") : nil
        defer { if let nowhere { close(nowhere) } }
        let program = Program(
            path: try find(arguments.first ?? "", environment["PATH"]), arguments: arguments,
            environment: environment, folder: place, input: input, umask: order.step.umask,
            account: account, timeout: timeout, output: file ?? nowhere)
        output.turnPage()
        let pipe = program.output == nil ? try output.forProgram(of: account?.user) : -1
        crashPoint("before-fork")
        return try ProgramRun.run(
            program, output: pipe, source: output.source, inputFile: directory.input,
            recorded: { identity throws(Fault) in
                crashPoint("forked")
                try record(identity, timeout)
                crashPoint("child-recorded")
            },
            tick: {
                crashPoint("program-runs")
                return output.drain()
            })
    }

    /// Not synced: it only matters as long as the machine runs.
    private func record(_ identity: ProcessIdentity, _ timeout: Span) throws(Fault) {
        let record = ChildRecord(process: identity, deadline: secondsSinceBoot() + timeout.seconds)
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
        let file = try Files.open(directory.child, flags, "write")
        defer { close(file) }
        try Files.write(try encoded(record), to: file, directory.child)
    }

    /// What programs see: our own environment without the secrets, the values as TOCSIN_NAME, and
    /// what the step says.
    func environment() throws(Fault) -> [String: String] {
        var result = ProcessInfo.processInfo.environment
        for name in hiddenVariables { result[name] = nil }
        for value in order.variables { result[Self.variable(value.name)] = value.text }
        for value in order.step.environment { result[value.name] = try text(value.value) }
        return result
    }

    /// `run_dir` is `TOCSIN_RUN_DIR`.
    static func variable(_ name: String) -> String {
        "TOCSIN_"
            + String(
                name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    /// With a `/`, relative to the runbook's folder; else searched in PATH.
    func find(_ name: String, _ searchPath: String?) throws(Fault) -> RawPath {
        guard !name.isEmpty else {
            throw Fault(operation: "run", subject: "", cause: "there is no program to run")
        }
        if name.contains("/") {
            let path = folder.appending(name)
            try checkExecutable(path)
            return path
        }
        let places = searchPath ?? getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        for place in places.split(separator: ":") where place.hasPrefix("/") {
            let path = RawPath(place).appending(name)
            if (try? checkExecutable(path)) != nil { return path }
        }
        throw Fault(operation: "run", subject: name, cause: "there is no such program in \(places)")
    }

    private func checkExecutable(_ path: RawPath) throws(Fault) {
        guard let status = try Files.status(path, following: true) else {
            throw Fault(operation: "run", subject: path.description, cause: "there is no such file")
        }
        guard status.kind == .file, path.withCString({ access($0, X_OK) }) == 0 else {
            throw Fault(operation: "run", subject: path.description, cause: "it is not executable")
        }
    }

    func forecastRun(_ arguments: [String]) throws(Fault) -> Forecast {
        var filled: [String] = []
        for argument in arguments { filled.append(try fill(argument)) }
        _ = try Account(becoming: order.step.runAs)
        let path = try find(filled.first ?? "", try environment()["PATH"])
        let place = RawPath(order.step.directory ?? order.folder)
        guard try Files.status(place, following: true)?.kind == .folder else {
            return .wouldFail("there is no folder \(place)")
        }
        return .wouldRun("would run \(described(.run(filled, input: nil))) (\(path))")
    }
}
