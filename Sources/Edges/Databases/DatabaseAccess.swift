// How to reach a MariaDB or PostgreSQL: the runbook's words, with the secret read.
package import Domain
import Glibc

package struct DatabaseAccess: Sendable {
    package enum Kind: Sendable {
        /// Also MySQL, as far as its client library goes.
        case mariaDB
        case postgreSQL
    }
    package let kind: Kind
    package var server: DatabaseServer
    /// Never shown.
    package let password: String?

    /// Nil for a source of another kind.
    /// - Throws: `Fault` when the password cannot be read.
    package init?(_ source: DataSource, secrets: any SecretReader) throws(Fault) {
        switch source.kind {
        case .mysql(let server):
            kind = .mariaDB
            self.server = server
        case .postgresql(let server):
            kind = .postgreSQL
            self.server = server
        case .sqlite, .redis: return nil
        }
        guard let value = server.password else {
            password = nil
            return
        }
        do {
            password = try secrets.text(value)
        } catch let fault as Fault {
            throw fault
        } catch {
            throw Fault(operation: "read a secret", subject: value.label, cause: "\(error)")
        }
    }

    /// The same server and user, another database there.
    package func inDatabase(_ name: String) -> DatabaseAccess {
        var copy = self
        copy.server.database = name
        return copy
    }

    /// What may be shown: `vedfolnir on 127.0.0.1:3306`.
    package var target: String { "\(server.database) on \(place)" }
    /// The server alone.
    package var place: String {
        isSocket
            ? server.host
            : server.host.contains(":")
                ? "[\(server.host)]:\(server.port)" : "\(server.host):\(server.port)"
    }

    package var isSocket: Bool { server.host.hasPrefix("/") }

    /// MariaDB's socket: the path itself, or `mysqld.sock` in the folder that it names.
    package var mariaDBSocket: String {
        isFolder(server.host) ? server.host + "/mysqld.sock" : server.host
    }

    /// PostgreSQL wants the socket's folder and its port: `/run/postgresql/.s.PGSQL.5432` is both.
    package var postgresPlace: (host: String, port: Int) {
        guard isSocket, let slash = server.host.lastIndex(of: "/") else {
            return (server.host, server.port)
        }
        let name = server.host[server.host.index(after: slash)...]
        guard name.hasPrefix(".s.PGSQL."), let port = Int(name.dropFirst(".s.PGSQL.".count)) else {
            return (server.host, server.port)
        }
        return (String(server.host[..<slash]), port)
    }

    /// Where Debian keeps the certificates that are trusted.
    package static let trusted = "/etc/ssl/certs/ca-certificates.crt"

    private func isFolder(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }
}
