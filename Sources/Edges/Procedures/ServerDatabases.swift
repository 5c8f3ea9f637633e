// The work `sql` on MariaDB and PostgreSQL.
import Databases
import Domain

extension StepSession {
    func sql(
        _ work: SQLWork, on source: DataSource, _ timeout: Span
    ) throws(Fault) -> WorkEnd {
        let access = try databaseAccess(to: source)
        // Not to be told from done if it ever gets there: the conversation keeps its time by itself.
        return try bounded(timeout.plus(grace(Self.grace)), as: .unknown) { () throws(Fault) in
            work.query == nil
                ? try statements(work, access, timeout)
                : try query(work, access, timeout)
        }
    }

    /// The server ends a statement at the step's time-out; only when not even that comes, we do. What
    /// became of a commit may be asked after for ten more seconds.
    private static let patience = Span.seconds(2)
    private static let grace = Span.seconds(30)

    /// The password is masked in the output from now on.
    func databaseAccess(to source: DataSource) throws(Fault) -> DatabaseAccess {
        if case .mysql(let server) = source.kind, let password = server.password {
            _ = try text(password)
        }
        if case .postgresql(let server) = source.kind, let password = server.password {
            _ = try text(password)
        }
        guard let access = try DatabaseAccess(source, secrets: secrets) else {
            throw Fault(
                operation: "open the data source", subject: source.name,
                cause: "it is no MariaDB and no PostgreSQL")
        }
        return access
    }

    // MARK: Queries

    private func query(
        _ work: SQLWork, _ access: DatabaseAccess, _ timeout: Span
    ) throws(Fault) -> WorkEnd {
        let text = SQLText(work.query ?? "", access.dialect)
        if let why = text.queryTrouble {
            throw Fault(operation: "query", subject: work.source, cause: why)
        }
        let statement = try bound(text)
        let patience = order.mode == .dryRun ? .zero : Self.patience
        let answer = try talking(to: work.source) { () throws(DatabaseTrouble) in
            let deadline = Deadline(in: timeout.plus(patience))
            let session = try DatabaseClient.connect(access, until: Deadline(in: timeout))
            defer { session.close() }
            try session.limitStatements(to: timeout, until: deadline)
            try session.startReading(until: deadline)
            return try session.run(statement, keeping: 1, until: deadline)
        }
        guard let cell = answer.first else { return .failed("the query answered no row") }
        return judge(cell, work)
    }

    private func talking<Result>(
        to source: String, _ body: () throws(DatabaseTrouble) -> Result
    ) throws(Fault) -> Result {
        do throws(DatabaseTrouble) {
            return try body()
        } catch {
            throw error.fault("use the data source", source)
        }
    }

    /// One statement that leaves the transaction alone.
    private func single(
        _ statement: String, _ work: SQLWork, _ access: DatabaseAccess
    ) throws(Fault) -> SQLText {
        let text = SQLText(statement, access.dialect)
        func refusal(_ why: String) -> Fault {
            Fault(operation: "use the data source", subject: work.source, cause: why)
        }
        if text.isEmpty { throw refusal("a statement is empty") }
        if text.isSeveral {
            throw refusal(
                "write each statement as an entry of its own, not several in one: "
                    + Visible.text(statement, limit: 80))
        }
        if text.controlsTransaction {
            throw refusal(
                "\(text.firstWords.first ?? "") is not needed: all statements of a step are one "
                    + "transaction")
        }
        return text
    }

    // MARK: Statements

    private func statements(
        _ work: SQLWork, _ access: DatabaseAccess, _ timeout: Span
    ) throws(Fault) -> WorkEnd {
        var prepared: [(sql: BoundSQL, commits: Bool)] = []
        for statement in work.statements {
            let text = try single(statement, work, access)
            prepared.append((try bound(text), text.commitsByItself))
        }
        let statements = prepared
        let end = try talking(to: work.source) { () throws(DatabaseTrouble) in
            let deadline = Deadline(in: timeout.plus(Self.patience))
            let session = try DatabaseClient.connect(access, until: Deadline(in: timeout))
            defer { session.close() }
            try session.limitStatements(to: timeout, until: deadline)
            var transaction = Transaction(
                access, session, until: deadline, crashPoint: crashPoint)
            return try transaction.run(statements) {
                output.say("sql> " + Visible.text(work.statements[$0]))
            }
        }
        return told(end, statements.count, committed: statements.count { $0.commits })
    }

    private func told(_ end: TransactionEnd, _ count: Int, committed: Int) -> WorkEnd {
        switch end {
        case .committed(let changed):
            let how =
                committed == 0
                ? "in one transaction"
                : committed == count
                    ? "each for itself (MariaDB commits at DDL)"
                    : "but not as one transaction (MariaDB commits at DDL)"
            return .done(
                "\(plural(count, "statement")) \(count == committed && count == 1 ? "" : how + ", ")"
                    + "\(plural(changed, "row")) changed")
        case .takenBack(let trouble, let statement):
            return .failed("statement \(statement + 1): \(trouble); nothing was changed")
        case .half(let trouble, let statement, let kept):
            return .failed("statement \(statement + 1): \(trouble); \(kept)")
        case .unknown(let trouble):
            return .unknown(
                "no answer to the commit (\(trouble)): whether it is done cannot be known from here"
            )
        }
    }

    private func plural(_ count: Int, _ word: String) -> String {
        "\(count) \(word)\(count == 1 ? "" : "s")"
    }

    // MARK: Dry run

    /// Statements are only prepared: the server says whether it understands them with the tables that
    /// are there now.
    func forecast(
        _ work: SQLWork, on source: DataSource, _ timeout: Span
    ) throws(Fault) -> Forecast {
        let access = try databaseAccess(to: source)
        var texts: [SQLText] = []
        var prepared: [BoundSQL] = []
        for statement in work.statements {
            let text = try single(statement, work, access)
            texts.append(text)
            prepared.append(try bound(text))
        }
        let statements = prepared
        let trouble = try bounded(timeout.plus(grace(Self.grace))) { () throws(Fault) in
            try talking(to: work.source) { () throws(DatabaseTrouble) in
                try firstTrouble(statements, access, Deadline(in: timeout))
            }
        }
        let words = described(.sql(work))
        if let (index, trouble) = trouble {
            // It may rest on what an earlier statement makes.
            guard
                texts[..<index].contains(where: {
                    ["CREATE", "ALTER"].contains($0.firstWords.first)
                })
            else { return .wouldFail("statement \(index + 1): \(trouble)") }
            return .wouldRun("would run \(words) (not all could be checked: \(trouble))")
        }
        return .wouldRun(promise(texts.count { $0.commitsByItself }, texts.count) + words)
    }

    private func firstTrouble(
        _ statements: [BoundSQL], _ access: DatabaseAccess, _ deadline: Deadline
    ) throws(DatabaseTrouble) -> (Int, DatabaseTrouble)? {
        let session = try DatabaseClient.connect(access, until: deadline)
        defer { session.close() }
        for (index, statement) in statements.enumerated() {
            do throws(DatabaseTrouble) {
                try session.check(statement, until: deadline)
            } catch {
                guard error.kind == .refused else { throw error }
                return (index, error)
            }
        }
        return nil
    }

    private func promise(_ commits: Int, _ count: Int) -> String {
        guard commits > 0 else { return "would run in one transaction: " }
        let decidable = order.step.check != nil || order.step.verify != nil
        return
            "would run, though not as one transaction (MariaDB commits at CREATE, ALTER, DROP and "
            + "the like: what ran before a failure stays done"
            + (decidable ? "" : ", and after a crash only a `check` could tell how far it came")
            + "): "
    }
}

extension DatabaseAccess {
    var dialect: SQLText.Dialect {
        switch kind {
        case .mariaDB: .mariaDB
        case .postgreSQL: .postgreSQL
        }
    }
}

extension Span {
    func plus(_ other: Span) -> Span { .seconds(seconds + other.seconds) }
}
