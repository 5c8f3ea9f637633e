// libpq, opened when the first PostgreSQL is talked to: nobody else pays for it.
import CPostgres
import Glibc

enum PostgresLibrary {
    /// The name by which the loader finds it, and the package of Debian that brings it.
    static let file = "libpq.so.5"
    static let package = "libpq5"

    // Found once: pointers to functions that never change.
    private static let shared = find(file)

    static func functions() throws(DatabaseTrouble) -> tocsin_postgres {
        switch shared {
        case .success(let functions): return functions
        case .failure(let trouble): throw trouble
        }
    }

    static func find(_ file: String) -> Result<tocsin_postgres, DatabaseTrouble> {
        guard let library = dlopen(file, RTLD_NOW | RTLD_LOCAL) else {
            return .failure(.missing(file, package))
        }
        var functions = tocsin_postgres()
        if let name = tocsin_postgres_find(library, &functions) {
            return .failure(.tooOld(file, package, String(cString: name)))
        }
        return .success(functions)
    }
}
