// The work `sql`: statements in one transaction, or a query whose answer is compared. Here on SQLite.
import Databases
import Domain
import Files
import GRDB
import Glibc

extension StepSession {
    func sql(_ work: SQLWork, _ timeout: Span) throws(Fault) -> WorkEnd {
        let source = try dataSource(work.source)
        guard let path = try sqlitePath(source) else {
            return try sql(work, on: source, timeout)
        }
        return try bounded(timeout) { () throws(Fault) in
            guard let query = work.query else { return try statements(work, path) }
            return try asking(work.source) {
                try reading(path) { database in try answer(query, work, database) }
            }
        }
    }

    func dataSource(_ name: String) throws(Fault) -> DataSource {
        guard let source = order.sources.first(where: { $0.name == name }) else {
            throw Fault(
                operation: "open the data source", subject: name,
                cause: "the runbook has no data source of this name")
        }
        return source
    }

    /// All of them or none.
    private func statements(_ work: SQLWork, _ path: String) throws(Fault) -> WorkEnd {
        var changed = 0
        try asking(work.source) {
            let queue = try DatabaseQueue(path: path, configuration: configuration(readOnly: false))
            try queue.inTransaction(.immediate) { database in
                let before = database.totalChangesCount
                for statement in work.statements {
                    let (text, arguments) = try bound(statement)
                    output.say("sql> " + Visible.text(statement))
                    let prepared = try database.allStatements(sql: text, arguments: arguments)
                    while let one = try prepared.next() {
                        try refuseTransactions(one, work)
                        try one.execute()
                    }
                }
                changed = database.totalChangesCount - before
                crashPoint("before-commit")
                return .commit
            }
        }
        crashPoint("committed")
        // SQLite ends a transaction by removing a name. Synced by us and not by SQLite: it would call
        // what is done failed when only this did not work. Neither is it done for good: if the power
        // goes now, it may be taken back. Somebody must look.
        do throws(Fault) {
            try Files.syncSurely(folder: RawPath(path).folder)
        } catch {
            return .unknown("it is done, but the disk may take it back: \(error)")
        }
        let count = work.statements.count
        return .done(
            "\(count) \(count == 1 ? "statement" : "statements") in one transaction, "
                + "\(changed) \(changed == 1 ? "row" : "rows") changed")
    }

    /// The step is the transaction: one that ended it early could not be taken back as a whole.
    private func refuseTransactions(_ statement: Statement, _ work: SQLWork) throws {
        let words = ["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"]
        guard words.contains(statement.verb) else { return }
        throw Fault(
            operation: "use the data source", subject: work.source,
            cause: "\(statement.verb) is not needed: all statements of a step are one transaction")
    }

    /// Nil for another kind of source. A database file that is not there is never made: a step that
    /// empties a table of a new, empty database would look like a success.
    private func sqlitePath(_ source: DataSource) throws(Fault) -> String? {
        switch source.kind {
        case .sqlite(let path):
            guard try Files.status(RawPath(path), following: true)?.kind == .file else {
                throw Fault(
                    operation: "open the data source \(source.name)", subject: path,
                    cause: "there is no such file")
            }
            return path
        case .mysql, .postgresql: return nil
        case .redis:
            throw Fault(
                operation: "open the data source", subject: source.name,
                cause: "redis knows no SQL; use a redis step")
        }
    }

    private func configuration(readOnly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = readOnly
        // As long as others write; the work's own time-out comes first.
        configuration.busyMode = .timeout(3600)
        if !readOnly {
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        }
        return configuration
    }

    /// A transaction that was cut off when its program or the machine died must be taken back before
    /// anything can be read, and that is a write. Only then is the file opened for more than reading.
    private func reading<Result>(
        _ path: String, _ body: (Database) throws -> Result
    ) throws -> Result {
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration(readOnly: true))
            return try queue.read(body)
        } catch let error as DatabaseError where error.resultCode == .SQLITE_READONLY {
            let queue = try DatabaseQueue(path: path, configuration: configuration(readOnly: false))
            return try queue.read(body)
        }
    }

    /// Makes SQLite's errors faults.
    private func asking<Result>(
        _ source: String, _ body: () throws -> Result
    ) throws(Fault) -> Result {
        do {
            return try body()
        } catch let fault as Fault {
            throw fault
        } catch let error as DatabaseError {
            throw Fault(
                operation: "use the data source", subject: source,
                cause: error.message ?? error.resultCode.description,
                retry: error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED)
        } catch {
            throw Fault(operation: "use the data source", subject: source, cause: "\(error)")
        }
    }

    /// Values are bound, never written into a statement.
    private func bound(_ statement: String) throws(Fault) -> (String, StatementArguments) {
        let bound = try bound(SQLText(statement, .sqlite))
        var values: [String: String] = [:]
        for (index, value) in bound.parameters.enumerated() { values["p\(index + 1)"] = value }
        return (bound.text, StatementArguments(values))
    }
    func bound(_ text: SQLText) throws(Fault) -> BoundSQL {
        try text.bound { name throws(Fault) in try fill("{{\(name)}}") }
    }

    private func answer(
        _ query: String, _ work: SQLWork, _ database: Database
    ) throws -> WorkEnd {
        let (text, arguments) = try bound(query)
        let statement = try database.makeStatement(sql: text)
        guard statement.isReadonly else {
            throw Fault(
                operation: "query", subject: work.source, cause: "it would change the database")
        }
        guard let row = try Row.fetchOne(statement, arguments: arguments) else {
            return .failed("the query answered no row")
        }
        return judge(cell(row[0]), work)
    }

    private func cell(_ value: DatabaseValue) -> DatabaseCell {
        switch value.storage {
        case .null: .null
        case .int64(let number): .number(String(number), Double(number))
        case .double(let number): .number(spelled(number), number)
        case .string(let text): .text(text)
        case .blob(let data): .bytes(data.count)
        }
    }

    /// Compares a query's answer with what the step wants.
    func judge(_ cell: DatabaseCell, _ work: SQLWork) -> WorkEnd {
        let answer = Visible.text(output.mask.masked(cell.spelled), limit: 80)
        let words = "the query answered \(answer)"
        guard work.isComparison else { return .done(words) }
        guard let number = cell.number, number.isFinite else {
            return .failed("\(words), which is no number")
        }
        if let equals = work.equals, number != equals {
            return .failed("\(words), not \(spelled(equals))")
        }
        if let atLeast = work.atLeast, number < atLeast {
            return .failed("\(words), which is less than \(spelled(atLeast))")
        }
        if let atMost = work.atMost, number > atMost {
            return .failed("\(words), which is more than \(spelled(atMost))")
        }
        return .done(words)
    }

    private func spelled(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
    }

    /// A query is made. Statements are only prepared: SQLite says whether it understands them with the
    /// tables that are there now.
    func forecastSQL(_ work: SQLWork, _ timeout: Span) throws(Fault) -> Forecast {
        let source = try dataSource(work.source)
        if work.query != nil {
            switch try sql(work, timeout) {
            case .done(let message, _): return .wouldRun("holds now: \(message)")
            case .failed(let why), .cutOff(let why), .unknown(let why):
                return .wouldRun("does not hold now: \(why)")
            }
        }
        guard let path = try sqlitePath(source) else {
            return try forecast(work, on: source, timeout)
        }
        return try bounded(timeout) { () throws(Fault) in
            try asking(work.source) {
                try reading(path) { database in try forecast(work, database) }
            }
        }
    }

    private func forecast(_ work: SQLWork, _ database: Database) throws -> Forecast {
        var makesTables = false
        for statement in work.statements {
            let (text, arguments) = try bound(statement)
            do {
                let prepared = try database.allStatements(sql: text, arguments: arguments)
                while let one = try prepared.next() {
                    try refuseTransactions(one, work)
                    makesTables = makesTables || ["CREATE", "ALTER"].contains(one.verb)
                }
            } catch let error as DatabaseError where makesTables {
                // It may rest on what an earlier statement makes.
                return .wouldRun(
                    "would run \(described(.sql(work))) (not all could be checked: "
                        + "\(error.message ?? "\(error.resultCode)"))")
            }
        }
        return .wouldRun("would run in one transaction: " + described(.sql(work)))
    }
}

extension Statement {
    /// Its first word, in capitals, after any comments.
    fileprivate var verb: String {
        var rest = sql[...]
        while true {
            rest = rest.drop { $0.isWhitespace || $0 == ";" }
            if rest.hasPrefix("--") {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*") {
                guard let end = rest.firstRange(of: "*/") else { return "" }
                rest = rest[end.upperBound...]
            } else {
                return rest.prefix { $0.isLetter }.uppercased()
            }
        }
    }
}

extension SQLWork {
    fileprivate var isComparison: Bool { equals != nil || atLeast != nil || atMost != nil }
}
