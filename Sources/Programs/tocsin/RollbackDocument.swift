// The report of a rollback, as a document of its own: what was planned, what was done, what came of it.
import Domain
import Wire

struct RollbackDocument: Encodable {
    struct Stage: Encodable {
        var name: String
        var state: StepState
        /// RFC 3339; null: it has not begun, or not ended.
        @ExplicitNull var startedAt: String?
        @ExplicitNull var endedAt: String?
        var seconds: Double
        var steps: [Step]
    }
    struct Step: Encodable {
        var name: String
        var kind: String
        var command: String
        var state: StepState
        @ExplicitNull var startedAt: String?
        @ExplicitNull var seconds: Double?
        var message: String
        var undoable: Bool
        /// The end of what it said.
        var output: [String]
    }

    var id: String
    var title: String
    var service: String
    var state: ProcedureState
    var testMode: Bool
    var reason: String
    @ExplicitNull var authorization: String?
    /// Login name, and name.
    var askedBy: String
    var askedByName: String
    var approvals: [ApprovalReport]
    @ExplicitNull var playbook: String?
    var startedAt: String
    @ExplicitNull var finishedAt: String?
    /// How it ended, in words.
    var message: String
    @ExplicitNull var seconds: Double?
    @ExplicitNull var targetSeconds: Double?
    @ExplicitNull var withinTarget: Bool?
    /// SHA-256 of the plan.
    var plan: String
    @ExplicitNull var backup: BackupReceiptReport?
    var stages: [Stage]
    /// Names of the steps that were taken back.
    var undone: [String]
    @ExplicitNull var watch: WatchReport?
    var timeline: [EventReport]

    init(_ record: RollbackRecord, core: SituationCore, timeline: [EventReport]) {
        let rollback = record.rollback
        id = rollback.id
        title = rollback.title
        service = core.title
        state = rollback.state
        testMode = rollback.testMode
        reason = rollback.reason
        authorization = rollback.authorization
        askedBy = rollback.startedBy
        askedByName =
            rollback.approvals.first { $0.user == rollback.startedBy }?.name ?? rollback.startedBy
        approvals = rollback.approvals
        playbook = rollback.parent
        startedAt = rollback.startedAt
        finishedAt = rollback.finishedAt
        message = rollback.message
        plan = record.plan
        backup = record.backup
        stages = rollback.stages.enumerated().map { place, stage in
            Self.stage(stage, record.steps.filter { $0.stage == place })
        }
        undone = rollback.stages.flatMap(\.steps).filter { $0.state == .undone }.map(\.name)
        watch = core.watch.flatMap { $0.rollback == rollback.id ? $0 : nil }
        self.timeline = timeline
        targetSeconds = rollback.targetSeconds
        seconds = Self.seconds(
            from: rollback.startedAt, to: rollback.ranUntil ?? rollback.finishedAt)
        withinTarget = seconds.flatMap { took in rollback.targetSeconds.map { took <= $0 } }
    }

    private static func stage(_ stage: StageReport, _ records: [StepRecord]) -> Stage {
        let steps = stage.steps.enumerated().map { place, step in
            let record = records.first { $0.step == place }
            return Step(
                name: step.name, kind: step.kind, command: step.command, state: step.state,
                startedAt: record?.startedAt, seconds: step.seconds, message: step.message,
                undoable: step.undoable, output: record?.output ?? [])
        }
        let begins = steps.compactMap { $0.startedAt.flatMap { Timestamp(rfc3339: $0) } }
        let ends = steps.compactMap { step -> Timestamp? in
            guard let began = step.startedAt.flatMap({ Timestamp(rfc3339: $0) }),
                let seconds = step.seconds
            else { return nil }
            return began + .seconds(seconds)
        }
        let isOver = steps.allSatisfy { $0.state != .pending && $0.state != .running }
        return Stage(
            name: stage.name, state: stage.state, startedAt: begins.min()?.rfc3339,
            endedAt: isOver ? ends.max()?.rfc3339 : nil,
            seconds: steps.compactMap(\.seconds).reduce(0, +), steps: steps)
    }

    private static func seconds(from: String, to: String?) -> Double? {
        guard let from = Timestamp(rfc3339: from), let to = to.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        return (to - from).seconds
    }

    /// The stage that proves that it worked.
    var validation: Stage? { stages.last { $0.name.lowercased().contains("validation") } }
}
