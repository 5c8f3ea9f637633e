// Test mode: the rollback's plan, with copies and stand-ins in the place of everything that is real.
package import Domain

extension Rules {
    /// Where a procedure in test mode keeps its copy of the service's folder.
    package static let testFolder = "{{run_dir}}/test"

    func startTest(
        _ rollback: RollbackDefinition, reason: String, by: String,
        parent: (id: String, step: StepAddress)? = nil, in situation: Situation,
        at moment: Timestamp
    ) throws(Refusal) -> Event {
        var procedure = Procedure(
            id: newID("rollback", in: situation, at: moment), kind: .rollback, name: rollback.to,
            title: "Test of the rollback to \(rollback.to)", startedAt: moment, startedBy: by,
            reason: reason, emergency: situation.emergency?.id, testMode: true,
            stages: try testStages(rollback))
        procedure.parent = parent?.id
        procedure.parentStep = parent?.step
        return .procedureStarted(procedure)
    }

    /// The plan of a rollback in test mode.
    /// - Throws: `Refusal` that names every step for which nothing stands in.
    package func testStages(_ rollback: RollbackDefinition) throws(Refusal) -> [ProcedureStage] {
        var mapping = TestMapping(runbook: runbook, test: rollback.test ?? RollbackTest())
        // A fallback is for users, who are not part of a test.
        var quiet = runbook
        for index in quiet.fallbacks.indices {
            quiet.fallbacks[index].enable = []
            quiet.fallbacks[index].disable = []
        }
        var stages = Rules(quiet).rollbackStages(rollback)
        for stage in stages.indices {
            for step in stages[stage].steps.indices {
                mapping.map(&stages[stage].steps[step])
            }
        }
        guard mapping.problems.isEmpty else {
            let shown = mapping.problems.prefix(5).joined(separator: "; ")
            let more = mapping.problems.count > 5 ? "; and \(mapping.problems.count - 5) more" : ""
            throw Refusal(
                .notNow, rule: "no-stand-in",
                why: "test mode would touch the real service: \(shown)\(more)",
                remedy: "Name what stands in under `rollback: test:` (units, sources, addresses), "
                    + "or say `test_mode: run` or `skip` at the step")
        }
        let world = TestWorld(folder: Self.testFolder, databases: mapping.copied)
        func alone(_ name: String, _ work: Work) -> ProcedureStage {
            ProcedureStage(name: name, steps: [ProcedureStep(step: Step(name: name, work: work))])
        }
        // What still runs in a copy would write to it while it is removed.
        var removal = alone("Copies removed", .clearTest(world))
        removal.steps =
            mapping.started.map {
                ProcedureStep(step: Step(name: "Stop \($0)", work: .service(.stop, unit: $0)))
            } + removal.steps
        return [alone("Copies", .prepareTest(world))] + stages + [removal]
    }
}

/// Puts stand-ins into steps, and keeps what it found none for.
private struct TestMapping {
    let runbook: Runbook
    let test: RollbackTest
    var problems: [String] = []
    /// Units that stand in and are started.
    var started: [String] = []
    /// Databases whose contents the stand-ins get first.
    var copied: [StandIn] = []

    mutating func map(_ entry: inout ProcedureStep) {
        var step = entry.step
        if step.testMode == .skip { return leaveOut(&entry, "the runbook leaves it out") }
        if let why = leftOut(step.work) { return leaveOut(&entry, why) }
        let before = problems.count
        if needsWord(step), step.testMode == nil {
            problems.append("“\(step.name)” runs a program of which nothing is known")
        }
        step.work = mapped(step.work, step)
        for part in [\Step.check, \.verify, \.undo] {
            guard let work = step[keyPath: part] else { continue }
            step[keyPath: part] = leftOut(work) == nil ? mapped(work, step) : nil
        }
        if problems.count == before {
            step.environment.append(
                NamedValue(name: "TOCSIN_TEST_MODE", value: .plain("1")))
        }
        entry.step = step
    }

    private func leaveOut(_ entry: inout ProcedureStep, _ why: String) {
        entry.state = .skipped
        entry.message = "not in test mode: \(why)"
    }

    private func leftOut(_ work: Work) -> String? {
        switch work {
        case .probe: "probes watch the real service"
        case .notify, .statusPage: "nobody is told of a test"
        case .confirm: "there is nothing to confirm"
        case .fallback: "it belongs to the real service"
        case .run, .shell, .service, .http, .sql, .redis, .remove, .restore, .edit, .backup,
            .restoreDatabase, .restoreBackup, .prepareTest, .clearTest, .wait, .assess, .playbook,
            .action, .undoAction, .rollback, .calm:
            nil
        }
    }

    /// Whether a program or a line for the shell is part of the step.
    private func needsWord(_ step: Step) -> Bool {
        [step.work, step.check, step.verify, step.undo].contains { work in
            switch work {
            case .run, .shell: true
            default: false
            }
        }
    }

    private mutating func mapped(_ work: Work, _ step: Step) -> Work {
        switch work {
        case .service(let verb, let unit):
            let stand = standIn(unit, test.units, "unit", step)
            if verb != .stop, work == step.work, !started.contains(stand) { started.append(stand) }
            return .service(verb, unit: stand)
        case .sql(var sql):
            sql.source = source(sql.source, step)
            return .sql(sql)
        case .redis(let name, let command, let reply):
            return .redis(source: source(name, step), command: command, reply: reply)
        case .restoreDatabase(let name): return .restoreDatabase(source: source(name, step))
        case .http(var request, let expect, let keepCookies):
            request.url = address(request.url, step)
            return .http(request, expect: expect, keepCookies: keepCookies)
        case .remove(let paths): return .remove(paths.map { path($0, step) })
        case .edit(var edit):
            edit.file = path(edit.file, step)
            return .edit(edit)
        case .restore(let restore): return .restore(self.restore(restore, step))
        case .run, .shell, .backup, .restoreBackup, .prepareTest, .clearTest, .probe, .notify,
            .statusPage, .wait, .confirm, .assess, .playbook, .action, .undoAction, .rollback,
            .fallback, .calm:
            return work
        }
    }

    private mutating func standIn(
        _ name: String, _ pairs: [StandIn], _ what: String, _ step: Step
    ) -> String {
        if let pair = pairs.first(where: { $0.real == name }) { return pair.test }
        problems.append("“\(step.name)” uses \(what) \(name)")
        return name
    }

    private mutating func source(_ name: String, _ step: Step) -> String {
        if let pair = test.sources.first(where: { $0.real == name }) {
            if !copied.contains(pair) { copied.append(pair) }
            return pair.test
        }
        if let source = runbook.sources.first(where: { $0.name == name }),
            case .sqlite(let file) = source.kind, relative(file) != nil
        {
            return name
        }
        problems.append("“\(step.name)” uses data source \(name)")
        return name
    }

    private mutating func address(_ url: Value, _ step: Step) -> Value {
        guard case .plain(let text) = url else {
            problems.append("“\(step.name)” has a secret address")
            return url
        }
        if let pair = test.addresses.first(where: { begins(text, with: $0.real) }) {
            return .plain(pair.test + text.dropFirst(pair.real.count))
        }
        if step.testMode != .run { problems.append("“\(step.name)” asks \(text)") }
        return url
    }

    /// Whether a URL begins with an address, and not with one that is only longer: `host:5000` is not
    /// the beginning of `host:50001`, nor `http://host` of `http://host.example`.
    private func begins(_ text: String, with address: String) -> Bool {
        guard text.hasPrefix(address) else { return false }
        let next = text.dropFirst(address.count).first
        return next.map { "/?#".contains($0) } ?? true || address.hasSuffix("/")
    }

    /// The path inside the runbook's folder; nil for one outside.
    private func relative(_ path: String) -> String? {
        guard path.hasPrefix("/") else { return path }
        let folder = runbook.folder.hasSuffix("/") ? runbook.folder : runbook.folder + "/"
        return path.hasPrefix(folder) ? String(path.dropFirst(folder.count)) : nil
    }
    private mutating func path(_ path: String, _ step: Step) -> String {
        if let inside = relative(path), !inside.split(separator: "/").contains("..") {
            return inside
        }
        problems.append("“\(step.name)” changes \(path), outside the runbook's folder")
        return path
    }
    private mutating func restore(_ restore: RestoreWork, _ step: Step) -> RestoreWork {
        switch restore {
        case .git(let revision, let paths):
            return .git(revision: revision, paths: paths.map { path($0, step) })
        case .copy(let folder, let paths):
            return .copy(folder: folder, paths: paths.map { path($0, step) })
        case .archive(let file, let paths):
            return .archive(file: file, paths: paths.map { path($0, step) })
        }
    }
}
