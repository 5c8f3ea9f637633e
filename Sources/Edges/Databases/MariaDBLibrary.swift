// libmariadb, opened when the first MariaDB is talked to: nobody else pays for it.
import CMariaDB
import Glibc

enum MariaDBLibrary {
    /// The name by which the loader finds it, and the package of Debian that brings it.
    static let file = "libmariadb.so.3"
    static let package = "libmariadb3"

    // Found once: pointers to functions that never change.
    private static let shared = find(file)

    static func functions() throws(DatabaseTrouble) -> tocsin_mariadb {
        switch shared {
        case .success(let functions): return functions
        case .failure(let trouble): throw trouble
        }
    }

    static func find(_ file: String) -> Result<tocsin_mariadb, DatabaseTrouble> {
        guard let library = dlopen(file, RTLD_NOW | RTLD_LOCAL) else {
            return .failure(.missing(file, package))
        }
        var functions = tocsin_mariadb()
        if let name = tocsin_mariadb_find(library, &functions) {
            return .failure(.tooOld(file, package, String(cString: name)))
        }
        guard functions.mysql_server_init(0, nil, nil) == 0 else {
            return .failure(DatabaseTrouble(.unusable, "\(file) cannot be set up"))
        }
        return .success(functions)
    }
}

extension DatabaseTrouble {
    static func missing(_ file: String, _ package: String) -> DatabaseTrouble {
        DatabaseTrouble(
            .unusable, "there is no \(file) on this machine: install the package \(package)")
    }
    static func tooOld(_ file: String, _ package: String, _ name: String) -> DatabaseTrouble {
        DatabaseTrouble(
            .unusable, "\(file) has no \(name): install a newer version of the package \(package)")
    }
}
