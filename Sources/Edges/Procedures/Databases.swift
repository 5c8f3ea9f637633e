// The work `sql`: statements in one transaction, or a query whose answer is compared. SQLite for now.
import Domain
import Files
import GRDB
import Glibc

extension StepSession {
    func sql(_ work: SQLWork) throws(Fault) -> WorkEnd {
        let path = try databasePath(work.source)
        guard let query = work.query else { return try statements(work, path) }
        return try asking(work.source) {
            try reading(path) { database in try answer(query, work, database) }
        }
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

    /// A database file that is not there is never made: a step that empties a table of a new, empty
    /// database would look like a success.
    private func databasePath(_ name: String) throws(Fault) -> String {
        guard let source = order.sources.first(where: { $0.name == name }) else {
            throw Fault(
                operation: "open the data source", subject: name,
                cause: "the runbook has no data source of this name")
        }
        switch source.kind {
        case .sqlite(let path):
            guard try Files.status(RawPath(path), following: true)?.kind == .file else {
                throw Fault(
                    operation: "open the data source \(name)", subject: path,
                    cause: "there is no such file")
            }
            return path
        case .mysql: throw noClient(name, "mysql")
        case .postgresql: throw noClient(name, "postgresql")
        case .redis:
            throw Fault(
                operation: "open the data source", subject: name,
                cause: "redis knows no SQL; use a redis step")
        }
    }

    private func configuration(readOnly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = readOnly
        // As long as others write; the work's own time-out comes first.
        configuration.busyMode = .timeout(3600)
        if !readOnly {
            configuration.prepareDatabase { database in
                // Less would leave the end of a transaction, a name that is removed, to be lost when
                // the power goes, after the step was said to be done.
                try database.execute(sql: "PRAGMA synchronous = EXTRA")
            }
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

    /// Values are bound, never written into a statement: `{{name}}`, also in quotes, becomes a parameter.
    private func bound(_ statement: String) throws(Fault) -> (String, StatementArguments) {
        var values: [String: String] = [:]
        var text = statement
        for name in Template.names(in: statement) {
            let parameter = "tocsin_" + String(name.map { $0.isLetter || $0.isNumber ? $0 : "_" })
            values[parameter] = try fill("{{\(name)}}")
            for written in ["'{{\(name)}}'", "\"{{\(name)}}\"", "{{\(name)}}"] {
                text = text.replacing(written, with: ":" + parameter)
            }
        }
        return (text, StatementArguments(values))
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
        let value: DatabaseValue = row[0]
        guard work.isComparison else { return .done("the query answered \(spelled(value))") }
        guard let number = Double.fromDatabaseValue(value) ?? number(in: value) else {
            return .failed("the query answered \(spelled(value)), which is no number")
        }
        if let equals = work.equals, number != equals {
            return .failed("the query answered \(spelled(value)), not \(spelled(equals))")
        }
        if let atLeast = work.atLeast, number < atLeast {
            return .failed(
                "the query answered \(spelled(value)), which is less than \(spelled(atLeast))")
        }
        if let atMost = work.atMost, number > atMost {
            return .failed(
                "the query answered \(spelled(value)), which is more than \(spelled(atMost))")
        }
        return .done("the query answered \(spelled(value))")
    }

    private func number(in value: DatabaseValue) -> Double? {
        String.fromDatabaseValue(value).flatMap { Double($0.trimmed) }.flatMap {
            $0.isFinite ? $0 : nil
        }
    }
    private func spelled(_ value: DatabaseValue) -> String {
        switch value.storage {
        case .null: "NULL"
        case .int64(let number): String(number)
        case .double(let number): spelled(number)
        case .string(let text): Visible.text(text, limit: 80)
        case .blob(let data): "\(data.count) bytes"
        }
    }
    private func spelled(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
    }

    /// A query is made. Statements are only prepared: SQLite says whether it understands them with the
    /// tables that are there now.
    func forecastSQL(_ work: SQLWork) throws(Fault) -> Forecast {
        let path = try databasePath(work.source)
        if work.query != nil {
            switch try sql(work) {
            case .done(let message, _): return .wouldRun("holds now: \(message)")
            case .failed(let why), .cutOff(let why):
                return .wouldRun("does not hold now: \(why)")
            }
        }
        return try asking(work.source) {
            try reading(path) { database in try forecast(work, database) }
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
