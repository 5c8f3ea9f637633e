// What the tests of databases share.
import Databases
import Domain
import TestKit

/// What something throws; nil for nothing.
func trouble(_ body: () throws(DatabaseTrouble) -> Void) -> DatabaseTrouble? {
    do throws(DatabaseTrouble) {
        try body()
        return nil
    } catch {
        return error
    }
}

extension ServerKind {
    /// Takes a while, on the server.
    func sleeping(_ seconds: Int) -> String {
        switch self {
        case .mariaDB: "SELECT SLEEP(\(seconds))"
        case .postgreSQL: "SELECT pg_sleep(\(seconds))"
        }
    }
}
