// Statements are read just far enough: where values go, what is one statement, what ends a transaction.
import Domain
import Testing

@testable import Databases

@Suite struct SQLTextTests {
    private func bound(_ text: String, _ dialect: SQLText.Dialect) -> String {
        do throws(Fault) {
            let result = try SQLText(text, dialect).bound { name throws(Fault) in "<\(name)>" }
            return result.text + result.parameters.map { " " + $0 }.joined()
        } catch {
            return error.cause
        }
    }

    @Test(arguments: [
        ("a = {{x}}", "a = ? <x>", "a = $1 <x>", "a = :p1 <x>"),
        ("a = '{{x}}'", "a = ? <x>", "a = $1 <x>", "a = :p1 <x>"),
        (
            "a = '%{{x}}%'", "a = CONCAT('%', ?, '%') <x>", "a = ('%' || $1::text || '%') <x>",
            "a = ('%' || :p1 || '%') <x>"
        ),
        (
            "{{x}}, {{ y }}, {{x}}", "?, ?, ? <x> <y> <x>", "$1, $2, $3 <x> <y> <x>",
            ":p1, :p2, :p3 <x> <y> <x>"
        ),
        ("1 -- {{x}}", "1 -- {{x}}", "1 -- {{x}}", "1 -- {{x}}"),
        (
            "1 /* {{x}} */ + {{y}}", "1 /* {{x}} */ + ? <y>", "1 /* {{x}} */ + $1 <y>",
            "1 /* {{x}} */ + :p1 <y>"
        ),
        ("'it''s {{ not'", "'it''s {{ not'", "'it''s {{ not'", "'it''s {{ not'"),
    ])
    func `values get places`(text: String, mariaDB: String, postgreSQL: String, sqlite: String) {
        #expect(bound(text, .mariaDB) == mariaDB)
        #expect(bound(text, .postgreSQL) == postgreSQL)
        #expect(bound(text, .sqlite) == sqlite)
    }

    @Test func `values cannot be names, or parts of bodies`() {
        #expect(bound("SELECT `{{x}}`", .mariaDB).contains("part of a name"))
        #expect(bound("SELECT \"{{x}}\"", .postgreSQL).contains("part of a name"))
        #expect(bound("SELECT \"{{x}}\"", .mariaDB) == "SELECT ? <x>")
        #expect(bound("DO $a$ {{x}} $b$ $a$", .postgreSQL).contains("quoted body"))
        #expect(bound("SELECT E'{{x}}'", .postgreSQL).contains("prefix"))
        #expect(bound("SELECT x'{{x}}'", .mariaDB).contains("prefix"))
    }

    @Test(arguments: [
        ("SELECT 1", false), ("SELECT 1;", false), ("SELECT 1; -- done", false),
        ("SELECT 1; SELECT 2", true), ("SELECT ';'; ", false), ("SELECT ';' ';'; x", true),
        ("SELECT 1 /* ; */", false), ("; ;", false), ("SELECT 'a\\'; DROP TABLE t; --'", false),
        (
            "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET @a = 1; SET @b = 2; END",
            false
        ),
        ("DROP TABLE a; DROP TABLE b", true),
    ])
    func `several statements are told from one`(text: String, isSeveral: Bool) {
        #expect(SQLText(text, .mariaDB).isSeveral == isSeveral)
    }

    @Test func `each dialect reads quotes as its server does`() {
        // PostgreSQL knows no backslashes in a plain text.
        #expect(SQLText("SELECT 'a\\'; DROP TABLE t; --'", .postgreSQL).isSeveral)
        #expect(!SQLText("SELECT E'a\\'; DROP TABLE t; --'", .postgreSQL).isSeveral)
        #expect(!SQLText("DO $$ BEGIN x; END; y $$", .postgreSQL).isSeveral)
        #expect(!SQLText("SELECT $1; ", .postgreSQL).isSeveral)
        #expect(SQLText("SELECT 1 /* /* */ ; */ ; x", .postgreSQL).isSeveral)
        #expect(!SQLText("SELECT 1 # ; x", .mariaDB).isSeveral)
        #expect(SQLText("SELECT 1 --x\n; y", .mariaDB).isSeveral)
        #expect(SQLText("/*! SELECT 1; DROP TABLE t */", .mariaDB).isSeveral)
    }

    @Test(arguments: [
        "BEGIN", "start transaction", " /* x */ COMMIT", "rollback to a", "SET autocommit = 1",
        "-- c\nEND",
    ])
    func `what controls transactions is found`(text: String) {
        for dialect in [SQLText.Dialect.mariaDB, .postgreSQL, .sqlite] {
            #expect(SQLText(text, dialect).controlsTransaction)
        }
        #expect(!SQLText("SELECT 'COMMIT'", .mariaDB).controlsTransaction)
    }

    @Test(arguments: [
        ("DROP TABLE t", true), ("drop temporary table t", false),
        ("CREATE OR REPLACE TABLE t (n INT)", true),
        ("CREATE TEMPORARY TABLE t (n INT)", false), ("TRUNCATE t", true), ("DELETE FROM t", false),
        ("ALTER TABLE t ADD n INT", true), ("INSERT INTO t VALUES ('DROP')", false),
    ])
    func `what MariaDB commits by itself is known`(text: String, commits: Bool) {
        #expect(SQLText(text, .mariaDB).commitsByItself == commits)
        #expect(!SQLText(text, .postgreSQL).commitsByItself)
    }
}
