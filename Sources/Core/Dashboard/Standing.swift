// What stands on every screen while it lasts: a rollback that waits for people, one that starts by
// itself, a procedure that waits for an answer, one that runs, what went wrong after one.
import Domain
import Screen
import Wire

enum Standing {
    struct Row: Equatable {
        var ground: Ground
        /// The most telling first: what does not fit is cut at the end.
        var left: [Run]
        /// Clock and keys; never cut.
        var right: [Run]
        var spot: Spot
    }

    /// - Returns: the room below it.
    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) -> Rect {
        var rest = area
        let most = area.height >= 26 ? 4 : area.height >= 16 ? 2 : 1
        for line in rows(model).prefix(min(most, max(0, area.height - 4))) {
            let (row, below) = rest.split(top: 1)
            canvas.frame.fill(row, Style(.text, on: line.ground))
            canvas.spot(row, line.spot)
            let taken = canvas.frame.line(
                line.right, endX: row.endX - 1, y: row.y, within: row.width / 2, on: line.ground)
            canvas.frame.line(
                line.left, x: row.x + 1, y: row.y, limit: row.width - taken - 3, on: line.ground)
            rest = below
        }
        return rest
    }

    /// Most pressing first.
    static func rows(_ model: Model) -> [Row] {
        let sheet = model.page == .rollback && model.rollback.sheet != nil
        var rows: [Row] = []
        rows += countdown(model)
        if model.page != .rollback || model.shownRequest == nil { rows += request(model) }
        rows += halfDone(model)
        rows += procedure(model)
        if model.page != .rollback || sheet { rows += watch(model) }
        return rows
    }

    private static func key(_ key: String, _ word: String) -> [Run] {
        [Run("  "), Run(key, .key, .bold), Run(" " + word, .text)]
    }

    // MARK: What waits for people

    private static func request(_ model: Model) -> [Row] {
        guard let request = model.core?.request else { return [] }
        let asker = model.firstName(request.by)
        let own = request.by == model.you?.user
        let seconds = request.left(model)?.0 ?? 0
        var right = [Run(Times.countdown(seconds) + " left", .strong, .bold)]
        let may = Why.notToApprove(model) == nil
        right += may ? key("R", "reads it") : key("5", "shows it")
        if model.size.width >= 100 { right += key("v", "vetoes") }
        let reason = Run(" · " + request.reason, .dim)
        let left: [Run]
        if may {
            left = [
                Run("? YOUR APPROVAL ", .warning, .bold),
                Run("\(asker) asks for a rollback (\(request.authorization))", .strong),
                Run(" · missing \(request.missing)", .text), reason,
            ]
        } else {
            let missing =
                request.missing.isEmpty ? "until nothing else runs" : "for \(request.missing)"
            left = [
                Run("? ROLLBACK WAITS ", .warning, .bold), Run(missing, .strong),
                Run(" · \(own ? "you ask" : "\(asker) asks") (\(request.authorization))", .text),
                reason,
            ]
        }
        return [Row(ground: .selected, left: left, right: right, spot: .press(.alt("5")))]
    }

    private static func countdown(_ model: Model) -> [Row] {
        guard
            let coming = model.proposals.first(where: { $0.kind == "rollback" && $0.runsAt != nil }
            ),
            let left = model.seconds(until: coming.runsAt)
        else { return [] }
        // Said already beside the proposals.
        if model.page == .command, model.size.height >= 20 { return [] }
        return [
            Row(
                ground: .bad,
                left: [
                    Run("▲ ROLLBACK STARTS BY ITSELF in ", .strong, .bold),
                    Run(Times.countdown(max(0, left)), .strong, .bold),
                    Run("  " + coming.why, .strong),
                ], right: [Run("v", .strong, .bold), Run(" vetoes it", .strong)],
                spot: .press(.character("v")))
        ]
    }

    // MARK: Procedures

    /// Nothing else can be begun before it is finished or undone.
    private static func halfDone(_ model: Model) -> [Row] {
        guard model.page != .rollback || model.rollback.sheet != nil,
            model.core?.procedure == nil, let failed = model.core?.rollback,
            failed.state == .failed
        else { return [] }
        return [
            Row(
                ground: .bad,
                left: [
                    Run("✖ ROLLBACK FAILED half-way ", .strong, .bold),
                    Run(failed.message, .strong),
                ], right: [Run("5", .strong, .bold), Run(" goes on or undoes", .strong)],
                spot: .press(.alt("5")))
        ]
    }

    private static func procedure(_ model: Model) -> [Row] {
        guard let procedure = model.core?.procedure, !procedure.state.isOver else { return [] }
        let home = procedure.home
        let needsSomebody = procedure.state == .waiting || procedure.state == .paused
        if model.page == home, home != .backups || model.backups.sheet == nil { return [] }
        // The first screen says under “What next” what runs.
        if model.page == .command, !needsSomebody { return [] }
        // What takes a second needs no row on every screen.
        let isBig = procedure.kind == .rollback || procedure.kind == .playbook
        guard needsSomebody || isBig else { return [] }
        let digit = String(home.rawValue)
        let percent = "\(Int((min(max(procedure.progress, 0), 1) * 100).rounded(.down))) %"
        var left = procedure.mark
        var right: [Run] = []
        switch procedure.state {
        case .waiting:
            left += [
                Run("? WAITS FOR YOU ", .warning, .bold), Run(procedure.title + ": ", .strong),
                Run(procedure.message, .text),
            ]
            right = key(digit, "answers it")
        case .paused:
            left += [
                Run("⏸ PAUSED ", .warning, .bold), Run(procedure.title, .strong),
                Run(" · " + procedure.message, .dim),
            ]
            right = key(digit, "goes on or undoes")
        case .running, .undoing, .succeeded, .failed, .undone:
            left += [
                Run(procedure.state.sign + " ", procedure.state.role, .bold),
                Run(procedure.title, .strong),
                Run(procedure.state == .undoing ? " is taken back" : "", .warning),
                Run("  \(percent)", .text),
            ]
            if let step = NextPanel.current(procedure) { left += [Run(" · \(step.step)", .dim)] }
            let clock = ProcedureView.clock(procedure, model).map {
                [Run(Times.clock($0), .strong)]
            }
            right = (clock ?? []) + key(digit, "shows it")
        }
        return [
            Row(
                ground: needsSomebody ? .selected : .bar, left: left, right: right,
                spot: .press(.alt(Character(digit))))
        ]
    }

    // MARK: After a rollback

    private static func watch(_ model: Model) -> [Row] {
        guard let watch = model.core?.watch else { return [] }
        let open = watch.problems.filter { $0.endedAt == nil }
        guard let first = open.first else { return [] }
        let more = open.count > 1 ? " and \(open.count - 1) more" : ""
        return [
            Row(
                ground: .bar,
                left: [
                    Run("▲ PROBLEM AFTER THE ROLLBACK ", .warning, .bold),
                    Run(first.probe + more, .strong),
                    Run(" down since \(Times.ofDay(first.at)): \(first.message)", .text),
                ], right: key("5", "shows the watch"), spot: .press(.alt("5")))
        ]
    }
}

extension ProcedureReport {
    /// A test is never to be mistaken for the real thing.
    var mark: [Run] {
        testMode
            ? [Run(" TEST ", style: Style(.warning, on: .base, [.bold, .reverse])), Run(" ")] : []
    }
    /// The screen that shows it.
    var home: Page {
        switch kind {
        case .rollback: .rollback
        case .backup: .backups
        case .recovery, .playbook, .drill, .fallback, .service: .recovery
        }
    }
    /// The step that a person has to say something about.
    var waitingStep: (stage: StageReport, step: StepReport)? {
        guard state == .waiting else { return nil }
        for stage in stages {
            for step in stage.steps
            where step.state == .unknown || (step.state == .running && step.kind == "confirm") {
                return (stage, step)
            }
        }
        return nil
    }
    /// It waits for a person to do something, and not for a word about a step of its own.
    var waitsToBeTicked: Bool { waitingStep?.step.kind == "confirm" }
}
