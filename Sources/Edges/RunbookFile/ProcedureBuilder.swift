// Makes what can be done of a checked tree: actions, recovery, rollback, playbooks, drills.
import Domain

extension RunbookBuilder {
    func addProcedures(_ book: inout Runbook) throws(Misfit) {
        book.actions = try root.named("actions") { name, tree throws(Misfit) in
            Action(
                name: name, title: try tree.optionalText("title") ?? name,
                danger: try tree.optionalText("danger"), steps: try steps(tree, "steps"))
        }
        if let services = root["services"] {
            book.services = ServiceProcedures(
                stop: try steps(services, "stop"), start: try steps(services, "start"),
                emergencyStart: try steps(services, "emergency_start"),
                verify: try steps(services, "verify"))
        }
        if let recovery = root["recovery"] { book.recovery = try self.recovery(recovery) }
        book.fallbacks = try root.named("fallbacks") { name, tree throws(Misfit) in
            Fallback(
                name: name, title: try tree.optionalText("title") ?? name,
                enable: try steps(tree, "enable"), disable: try steps(tree, "disable"),
                test: try steps(tree, "test"))
        }
        book.rollback = try root.optional("rollback", rollback)
        book.pages = try root.texts("pages")
        book.playbooks = try root.named("playbooks") { name, tree throws(Misfit) in
            Playbook(name: name, steps: try steps(tree, "steps"))
        }
        book.checklists = try root.named("checklists") { name, tree throws(Misfit) in
            Checklist(name: name, items: try tree.items.converted(checklistItem))
        }
        book.drills = try root.named("drills", drill)
        book.reviews = try root.each("reviews") { tree throws(Misfit) in
            ReviewDefinition(name: try tree.text("name"), due: try tree.value("due").asSpan())
        }
        book.targets = try targets(root["targets"])
    }

    private func recovery(_ tree: Tree) throws(Misfit) -> RecoveryDefinition {
        let standard = RecoveryDefinition()
        return RecoveryDefinition(
            maxAttempts: try tree.integer("max_attempts", or: standard.maxAttempts),
            automatic: try tree.optional("automatic") { tree throws(Misfit) in try tree.asChoice() }
                ?? standard.automatic,
            verifyWithin: try tree.span("verify_within", or: standard.verifyWithin),
            plans: try tree.named("plans") { failure, tree throws(Misfit) in
                RecoveryPlan(
                    failure: failure, actions: try tree.texts("actions"),
                    manual: try tree.texts("manual"),
                    escalateAfter: try tree.optionalSpan("escalate_after"))
            })
    }

    /// Where backups go when the runbook does not say; only a step that takes one needs the rest.
    func backup() throws(Misfit) -> BackupDefinition {
        guard let tree = root["backup"] else {
            return BackupDefinition(
                to: paths.absolute("storage/emergency_backups"), configuration: configuration)
        }
        return BackupDefinition(
            to: paths.absolute(try tree.text("to")),
            keepLast: try tree["keep"]?.optionalInteger("last"),
            keepDays: try tree["keep"]?.optionalInteger("days"), files: try tree.texts("files"),
            databases: try tree.texts("databases"), sources: try tree.texts("sources"),
            configuration: configuration)
    }

    /// What an operator told us, which nobody could write again from memory.
    private var configuration: [String] { [paths.file, paths.absolute(LocalAlertsFile.name)] }

    // MARK: Rollback

    private func rollback(_ tree: Tree) throws(Misfit) -> RollbackDefinition {
        RollbackDefinition(
            to: try tree.text("to"),
            targetDuration: try tree.span("target_duration", or: .minutes(10)),
            when: try tree.named("when") { name, tree throws(Misfit) in
                RollbackRule(
                    name: name, when: try tree.value("when").asCondition(),
                    holds: try tree.span("for", or: .zero),
                    runAfter: try tree.optionalSpan("run_after"))
            },
            authorization: try tree.named("authorization") { kind, tree throws(Misfit) in
                AuthorizationRule(
                    kind: kind,
                    needs: try tree.named("needs") { role, tree throws(Misfit) in
                        RoleCount(role: role, count: try tree.asInteger())
                    },
                    onlyDuringLevel: try tree.optional("only_during_level") { tree throws(Misfit) in
                        try tree.asLevel()
                    })
            },
            preflight: try steps(tree, "preflight"),
            stages: try tree.each("stages") { tree throws(Misfit) in
                RollbackStage(name: try tree.text("name"), steps: try steps(tree, "steps"))
            },
            afterwards: try afterwards(tree["afterwards"]),
            test: try tree.optional("test", rollbackTest))
    }

    private func rollbackTest(_ tree: Tree) throws(Misfit) -> RollbackTest {
        func pairs(_ key: String) throws(Misfit) -> [StandIn] {
            try tree.named(key) { real, tree throws(Misfit) in
                StandIn(real: real, test: try tree.asText())
            }
        }
        return RollbackTest(
            units: try pairs("units"), sources: try pairs("sources"),
            addresses: try pairs("addresses"))
    }

    private func afterwards(_ tree: Tree?) throws(Misfit) -> RollbackAfterwards {
        var result = RollbackAfterwards()
        guard let tree else { return result }
        if let watch = tree["watch"] {
            result.watchFor = try watch.span("for", or: result.watchFor)
            result.watchEvery = try watch.span("every", or: result.watchEvery)
        }
        if let notify = tree["notify"] {
            result.notifyRoles = try notify.texts("roles")
            result.notifyVia = try notify.texts("via")
        }
        result.review = try tree.flag("review", or: false)
        return result
    }

    // MARK: Checklists, drills, targets

    private func checklistItem(_ tree: Tree) throws(Misfit) -> ChecklistItem {
        ChecklistItem(
            text: try tree.text("text"),
            probe: try tree.optional("probe") { tree throws(Misfit) in try tree.asProbe() },
            fallback: try tree.optionalText("fallback"))
    }

    private func drill(_ name: String, _ tree: Tree) throws(Misfit) -> Drill {
        Drill(
            name: name, title: try tree.optionalText("title") ?? name,
            inject: try steps(tree, "inject"), restore: try steps(tree, "restore"),
            drills: try tree.texts("drills"), rollback: try tree.optionalText("rollback"),
            every: try tree.optional("every") { tree throws(Misfit) in try tree.asChoice() })
    }

    private func targets(_ tree: Tree?) throws(Misfit) -> Targets {
        var result = Targets()
        guard let tree else { return result }
        result.detect = try tree.span("detect", or: result.detect)
        result.respond = try tree.span("respond", or: result.respond)
        result.recoverySuccess = try tree.number("recovery_success", or: result.recoverySuccess)
        result.rollbackSuccess = try tree.number("rollback_success", or: result.rollbackSuccess)
        result.userImpact = try tree.span("user_impact", or: result.userImpact)
        result.rollbackDuration = try tree.span("rollback_duration", or: result.rollbackDuration)
        result.recoveryDuration = try tree.span("recovery_duration", or: result.recoveryDuration)
        result.dataLoss = try tree.number("data_loss", or: result.dataLoss)
        return result
    }
}
