// Screen 7: the backups that are there, what each holds, and whether it is what it was.
import Domain
import Screen
import Wire

enum BackupsScreen {
    static func copyText(_ model: Model) -> String {
        selected(model).map { $0.path + "\n" } ?? ""
    }
    static func all(_ model: Model) -> [BackupReport] { model.backups.list?.backups ?? [] }
    static func selected(_ model: Model) -> BackupReport? {
        let all = all(model)
        return all.first { $0.id == model.backups.selected } ?? all.first
    }

    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
        let area = area.height >= 26 ? area.inset(top: 1) : area
        let shown = procedure(model)
        if area.width >= 110 {
            // As wide as its columns, which leave room for what stands beside them.
            let most = area.width - 46
            let wanted = Columns(all(model), model, width: most).width
            let (left, rest) = area.split(left: min(most, max(area.width / 2, wanted)))
            list(model, &canvas, left)
            let right = rest.inset(left: 1)
            let lines = detail(model, width: right.width - 2)
            let (top, below) = right.split(
                top: shown == nil
                    ? right.height : min(lines.count + 2, max(3, right.height * 60 / 100)))
            panel(lines, model, &canvas, top, ruled: false)
            if let shown { ProcedureView.draw(shown, model, &canvas, below) }
            canvas.divide(area, atX: left.endX)
            return
        }
        let busy = shown.map { !$0.state.isOver } ?? false
        let wanted = max(4, all(model).count + 1)
        let (top, rest) = area.split(top: min(wanted, area.height * (busy ? 35 : 50) / 100))
        list(model, &canvas, top)
        let lines = detail(model, width: rest.width - 2)
        guard let shown else { return panel(lines, model, &canvas, rest, ruled: true) }
        let (middle, last) = rest.split(
            top: busy ? min(3, rest.height) : min(lines.count + 1, rest.height * 60 / 100))
        panel(lines, model, &canvas, middle, ruled: true)
        ProcedureView.draw(shown, model, &canvas, last)
    }

    /// The backup or restore that runs, or the last thing of the kind.
    private static func procedure(_ model: Model) -> ProcedureReport? {
        if let running = model.core?.procedure, running.kind == .backup { return running }
        return model.core?.lastProcedure.flatMap { $0.kind == .backup ? $0 : nil }
    }

    // MARK: The list

    private static func list(_ model: Model, _ canvas: inout Canvas, _ rect: Rect) {
        guard rect.height > 0 else { return }
        let (_, body) = rect.split(top: 1)
        let all = all(model)
        let chosen = selected(model)?.id
        let at = all.firstIndex { $0.id == chosen } ?? 0
        let (_, rows) = body.split(top: model.backups.problem == nil ? 0 : 2)
        let window = Window(rows: all.count, room: rows.height, selected: at)
        let keeping = keeping(model)
        canvas.head(
            "Backups", rect, ruled: false, right: window.more.isEmpty ? keeping : window.more,
            note: window.more.isEmpty ? [] : keeping)
        if let problem = model.backups.problem {
            let parts = Wrap.lines(
                "✖ The list could not be read: \(problem)", width: body.width - 3, limit: 2)
            for (index, part) in parts.enumerated() {
                canvas.frame.text(part, x: body.x + 1, y: body.y + index, Style(.bad))
            }
            if all.isEmpty { return }
        }
        guard !all.isEmpty else {
            let words =
                model.backups.list == nil
                ? [Run("asking the engine …", .dim)]
                : [
                    Run("There is no backup yet — ", .warning), Run("b", .key, .bold),
                    Run(" takes one", .text),
                ]
            canvas.frame.line(words, x: body.x + 1, y: body.y, limit: body.width - 2)
            return
        }
        let columns = Columns(all, model, width: rows.width)
        for (offset, index) in window.range.enumerated() {
            let row = Rect(x: rows.x, y: rows.y + offset, width: rows.width, height: 1)
            line(all[index], columns, model, &canvas, row, selected: index == at)
            canvas.spot(row, .choose(index))
        }
    }

    /// How many are kept, for how long.
    private static func keeping(_ model: Model) -> [Run] {
        guard let plan = model.runbook?.backup else { return [] }
        var words: [String] = []
        if let last = plan.keepLast { words.append("the last \(last)") }
        if let days = plan.keepDays { words.append(Numbers.counted(days, "day", "days")) }
        let kept = words.isEmpty ? "all are kept" : "kept: " + words.joined(separator: ", ")
        return [Run("\(all(model).count) · \(kept)", .dim)]
    }

    /// The columns of the list. Those without room are left out: half a number is none.
    private struct Columns {
        var id = 16
        var age = 4
        var size = 5
        var files = 5
        var state = 8
        var rows = 0
        /// All of it.
        var width: Int
        private static let forms: [@Sendable (BackupReport) -> String] = [
            { "\(Numbers.grouped($0.rows)) rows in \($0.databases.joined(separator: ", "))" },
            { "\(Numbers.grouped($0.rows)) rows" },
        ]
        private var form: Int?
        var showsFiles = true

        init(_ all: [BackupReport], _ model: Model, width: Int) {
            for one in all {
                id = max(id, GlyphWidth.columns(one.id))
                age = max(age, GlyphWidth.columns(BackupTexts.age(one, model)))
                size = max(size, GlyphWidth.columns(BackupTexts.size(one.bytes)))
                files = max(files, Numbers.grouped(one.files).count)
                state = max(state, GlyphWidth.columns(BackupTexts.state(one, model).word))
            }
            // The margins, the mark of the selection, the sign of the state and blanks between.
            let least = 1 + 2 + id + 2 + age + 2 + size + 2 + 2 + state + 1
            let withFiles = least + 2 + files + 6
            self.width = withFiles
            guard withFiles <= width else {
                showsFiles = false
                self.width = least
                return
            }
            let held = all.filter { !$0.databases.isEmpty }
            for (index, words) in Self.forms.enumerated() {
                rows = held.reduce(0) { max($0, GlyphWidth.columns(words($1))) }
                guard rows > 0, withFiles + 2 + rows <= width else { continue }
                form = index
                self.width = withFiles + 2 + rows
                return
            }
        }

        func rows(of one: BackupReport) -> String {
            guard let form, !one.databases.isEmpty else { return "" }
            return "  " + Self.forms[form](one)
        }
    }

    private static func line(
        _ one: BackupReport, _ columns: Columns, _ model: Model, _ canvas: inout Canvas,
        _ row: Rect, selected: Bool
    ) {
        let ground: Ground = selected ? .selected : .base
        if selected { canvas.frame.fill(row, Style(.text, on: ground)) }
        let state = BackupTexts.state(one, model)
        let right = [Run("\(state.sign) \(state.word)", state.role)]
        let taken = canvas.frame.line(
            right, endX: row.endX - 1, y: row.y, within: row.width / 3, on: ground)
        func padded(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - GlyphWidth.columns(text))) + text
        }
        let files = padded(Numbers.grouped(one.files), columns.files) + " files"
        canvas.frame.line(
            [
                Run(selected ? "▸ " : "  ", .accent),
                Run(one.id, selected ? .strong : .text),
                Run("  " + padded(BackupTexts.age(one, model), columns.age), .text),
                Run("  " + padded(BackupTexts.size(one.bytes), columns.size), .text),
                Run(columns.showsFiles ? "  " + files : "", .dim),
                Run(columns.rows(of: one), .dim),
            ], x: row.x + 1, y: row.y, limit: row.width - taken - 3, on: ground)
    }

    // MARK: The one that is selected

    private static func panel(
        _ lines: [[Run]], _ model: Model, _ canvas: inout Canvas, _ rect: Rect, ruled: Bool
    ) {
        guard rect.height > 0 else { return }
        let title = selected(model).map { "Backup \($0.id)" } ?? "Where they lie"
        let keys =
            selected(model) == nil
            ? [] : [Run("enter", .key, .bold), Run(" restores", .dim)]
        canvas.head(title, rect, ruled: ruled, right: keys)
        canvas.lines(lines, rect.inset(left: 1, top: 1, right: 1))
    }

    private static func detail(_ model: Model, width: Int) -> [[Run]] {
        var lines: [[Run]] = []
        func fact(_ name: String, _ text: String, _ role: StyleRole = .text, _ limit: Int = 2) {
            let parts = Wrap.lines(text, width: max(8, width - 11), limit: limit)
            for (index, part) in parts.enumerated() {
                let label = index == 0 ? name : ""
                let pad = String(repeating: " ", count: max(0, 10 - GlyphWidth.columns(label)))
                lines.append([Run(label + pad, .dim), Run(part, role)])
            }
        }
        if let one = selected(model) {
            let state = BackupTexts.state(one, model)
            fact("State", "\(state.sign) \(state.detail)", state.role, 4)
            fact("Taken", "\(Times.dayAndTime(one.at)) UTC, \(BackupTexts.age(one, model)) ago")
            fact(
                "Holds",
                "\(Numbers.counted(one.files, "file", "files")), \(BackupTexts.size(one.bytes))")
            let databases =
                one.databases.isEmpty
                ? "none"
                : "\(one.databases.joined(separator: ", ")), \(Numbers.grouped(one.rows)) rows"
            fact("Databases", databases)
            if let use = use(of: one, model) { fact("Used by", use, .warning) }
            fact("Lies at", one.path, .dim, 3)
        }
        if let plan = model.runbook?.backup {
            if selected(model) == nil { fact("Folder", plan.to, .text, 3) }
            let files = plan.files.isEmpty ? "no files" : plan.files.joined(separator: ", ")
            let names = plan.databases + plan.sources
            let databases = names.isEmpty ? "" : " · databases " + names.joined(separator: ", ")
            fact("Next one", files + databases, .dim, 2)
        }
        if let free = model.backups.list?.freeBytes {
            let largest = all(model).map(\.bytes).max() ?? 0
            let tight = largest > 0 && free < largest * 2
            fact(
                "Disk",
                "\(BackupTexts.size(free)) free there"
                    + (tight ? ": room for \(free / max(1, largest)) more like the largest" : ""),
                tight ? .warning : .text)
        }
        return lines
    }

    /// What still rests on it.
    private static func use(of one: BackupReport, _ model: Model) -> String? {
        if let running = model.core?.procedure, running.backup == one.id { return running.title }
        guard let rollback = model.core?.rollback, rollback.backup == one.id else { return nil }
        switch rollback.state {
        case .succeeded, .failed, .paused, .waiting, .running, .undoing:
            return "\(rollback.title): undoing it takes databases from here"
        case .undone: return nil
        }
    }
}

/// What is said of a backup.
enum BackupTexts {
    struct State: Equatable {
        var sign: String
        var word: String
        /// A sentence.
        var detail: String
        var role: StyleRole
    }

    static func state(_ one: BackupReport, _ model: Model) -> State {
        switch model.backups.found[one.id] {
        case .running:
            return State(
                sign: "▶", word: "verifying", detail: "every byte is being compared", role: .accent)
        case .whole:
            return State(
                sign: "✔", word: "verified", detail: "verified now: every byte is as it was taken",
                role: .good)
        case .damaged(let differences):
            let more = differences.count > 1 ? " (and \(differences.count - 1) more)" : ""
            return State(
                sign: "✖", word: "DAMAGED",
                detail: "it is not what was taken: \(differences.first ?? "")\(more)", role: .bad)
        case .failed(let why):
            return State(
                sign: "?", word: "not known", detail: "it could not be verified: \(why)",
                role: .unknown)
        case nil: break
        }
        if let problem = one.problem {
            return State(
                sign: "✖", word: "DAMAGED", detail: "it is not what was taken: \(problem)",
                role: .bad)
        }
        guard one.verified else {
            return State(
                sign: "?", word: "unverified", detail: "nobody has read it back", role: .unknown)
        }
        let when = one.checkedAt.map { "again at \(Times.dayAndTime($0)) UTC" }
        return State(
            sign: "✔", word: "verified",
            detail: "read back and compared \(when ?? "when it was taken")", role: .good)
    }

    static func age(_ one: BackupReport, _ model: Model) -> String {
        model.seconds(since: one.at).map { Times.spoken(max(0, $0)) } ?? "?"
    }

    /// `310 MB`, `1.25 GB`, `412 bytes`.
    static func size(_ bytes: Int) -> String {
        let units = ["kB", "MB", "GB", "TB", "PB"]
        var value = Double(max(0, bytes))
        guard value >= 1000 else { return Numbers.counted(max(0, bytes), "byte", "bytes") }
        var unit = -1
        while value >= 1000, unit + 1 < units.count {
            value /= 1000
            unit += 1
        }
        return "\(Numbers.short(value)) \(units[unit])"
    }

    /// `05 Jan 02:00` of `20260105T020000Z`.
    static func time(_ id: String) -> String {
        let d = Array(id)
        guard d.count >= 16, d[8] == "T" else { return id }
        let text =
            "\(String(d[0..<4]))-\(String(d[4..<6]))-\(String(d[6..<8]))T"
            + "\(String(d[9..<11])):\(String(d[11..<13])):\(String(d[13..<15]))Z"
        return Times.dayAndTime(text)
    }
}
