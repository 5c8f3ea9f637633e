// Real MariaDB, PostgreSQL and Redis servers for tests: as a user without rights, on loopback, one of
// each for a whole run of the tests, gone with the process that started them.
package import Domain
import FoundationEssentials
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// A database server of the tests' own. What tests do on it must be told apart by the names of their
/// databases: several use it at once.
package final class DatabaseServerProcess: Sendable {
    package let port: Int
    /// The folder with the socket, which anyone may enter.
    package let folder: TemporaryFolder
    /// The path of the socket.
    package let socket: String
    /// The administrator's name, and a password that is never in a log by chance.
    package static let user = "tester"
    package static let password = "geheim-🔑-p@ss'w\\ord\"%"
    private let process: Spawned

    fileprivate init(
        port: Int, folder: TemporaryFolder, socket: String, program: [String],
        environment: [String: String] = [:]
    ) throws {
        self.port = port
        self.folder = folder
        self.socket = socket
        process = try Supervisor.start(program, in: folder, environment: environment)
    }

    /// Whether it has given up.
    fileprivate var words: String? {
        guard process.status != nil else { return nil }
        return (try? String(contentsOfFile: folder("log"), encoding: .utf8)) ?? "it said nothing"
    }

    /// Ends it at once, as a crash would.
    package func kill() async throws {
        Glibc.kill(process.pid, SIGTERM)
        _ = try await process.end()
    }

    /// Waits until it takes connections.
    fileprivate func settle(_ name: String, _ isReady: () async throws -> Bool) async throws {
        try await eventually("\(name) answers") {
            if let words { throw TestKitError(text: "\(name) ended: \(words.suffix(1000))") }
            return try await isReady()
        }
    }
}

/// Keeps a server for as long as the tests run, however they end.
private enum Supervisor {
    private static let running = Mutex<[Int32]>([])

    /// A shell that ends its server when it is told to, and when the tests are gone.
    static func start(
        _ program: [String], in folder: TemporaryFolder, environment: [String: String]
    ) throws -> Spawned {
        let script = """
            parent=$1 folder=$2; shift 2
            "$@" & server=$!
            end() { kill -KILL $server; wait $server; rm -rf "$folder"; exit 0; }
            trap end TERM INT HUP
            while kill -0 $parent && kill -0 $server; do sleep 0.2; done
            kill -0 $server && end
            wait $server
            """
        _ = atExit
        let spawned = try Spawned(
            "/bin/sh",
            ["-c", script, "server", "\(getpid())", folder.path] + asUser + program,
            environment: [
                "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8",
                "HOME": folder.path,
            ].merging(environment) { $1 },
            output: folder("log"), errors: folder("errors"))
        running.withLock { $0.append(spawned.pid) }
        return spawned
    }

    private static let atExit: Void = {
        atexit { Supervisor.running.withLock { $0 }.forEach { Glibc.kill($0, SIGTERM) } }
    }()
}

/// Databases refuse to run as root.
private var asUser: [String] {
    geteuid() == 0
        ? ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] : []
}

/// A folder that belongs to who the servers run as.
private func serverFolder(_ label: String) throws -> TemporaryFolder {
    let folder = try TemporaryFolder(label)
    chmod(folder.path, 0o755)
    if geteuid() == 0, let nobody = getpwnam("nobody") {
        chown(folder.path, nobody.pointee.pw_uid, nobody.pointee.pw_gid)
    }
    return folder
}

/// Runs a program of the servers' to its good end.
private func prepare(_ words: [String], _ folder: TemporaryFolder) async throws {
    let all = asUser + words
    let program = all[0]
    let run = try Spawned(
        program, Array(all.dropFirst()),
        environment: [
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": folder.path, "LC_ALL": "C.UTF-8",
            "TMPDIR": folder.path,
        ], directory: folder.path, output: folder("prepare.log"), errors: folder("prepare.errors"))
    guard try await run.end() == 0 else {
        let said = ["prepare.log", "prepare.errors"].map {
            (try? String(contentsOfFile: folder($0), encoding: .utf8)) ?? ""
        }
        throw TestKitError(text: "\(words[0]): \(said.joined().suffix(1000))")
    }
}

/// The path of a server's program.
private func program(_ name: String, package: String, in folders: [String]) throws -> String {
    for folder in folders + ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
    where access("\(folder)/\(name)", X_OK) == 0 {
        return "\(folder)/\(name)"
    }
    throw TestKitError(
        text: "there is no \(name): run `scripts/setup test`, or install \(package)")
}

/// Made once, by who asks first.
private actor Once {
    private var made: [String: Task<DatabaseServerProcess, any Error>] = [:]
    static let shared = Once()

    func get(
        _ name: String, _ make: @escaping @Sendable () async throws -> DatabaseServerProcess
    ) async throws -> DatabaseServerProcess {
        let task = made[name] ?? Task { try await make() }
        made[name] = task
        return try await task.value
    }
}

package enum RealMariaDB {
    /// The one that all tests of this process share.
    package static func shared() async throws -> DatabaseServerProcess {
        try await Once.shared.get("mariadb") { try await start() }
    }

    /// One of a test's own, which it may kill.
    package static func start() async throws -> DatabaseServerProcess {
        let folder = try serverFolder("mariadb")
        let data = folder("data")
        try await prepare(
            [
                try program("mariadb-install-db", package: "mariadb-server-core", in: []),
                "--no-defaults", "--datadir=\(data)", "--auth-root-authentication-method=normal",
                "--skip-test-db", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0",
            ], folder)
        let port = try steadyPort()
        let socket = folder("mysqld.sock")
        let hex = DatabaseServerProcess.password.utf8.map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
        let server = try DatabaseServerProcess(
            port: port, folder: folder, socket: socket,
            program: [
                try program("mariadbd", package: "mariadb-server-core", in: []), "--no-defaults",
                "--datadir=\(data)", "--socket=\(socket)", "--port=\(port)",
                "--bind-address=127.0.0.1", "--pid-file=\(folder("pid"))", "--skip-name-resolve",
                "--innodb-buffer-pool-size=256M", "--max-connections=200", "--event-scheduler=ON",
                "--max-allowed-packet=256M",
                "--character-set-server=utf8mb4", "--tmpdir=\(folder.path)",
            ])
        try await server.settle("MariaDB") {
            let run = try Spawned(
                "/usr/bin/mariadb",
                [
                    "--no-defaults", "--socket=\(socket)", "--user=root", "-e",
                    """
                    SET @made = CONCAT("CREATE OR REPLACE USER \(DatabaseServerProcess.user) \
                    IDENTIFIED BY ", QUOTE(CONVERT(x'\(hex)' USING utf8mb4)));
                    EXECUTE IMMEDIATE @made;
                    GRANT ALL ON *.* TO \(DatabaseServerProcess.user) WITH GRANT OPTION;
                    """, "--default-character-set=utf8mb4",
                ], environment: [:], output: "/dev/null", errors: folder("try.errors"))
            return try await run.end() == 0
        }
        return server
    }
}

package enum RealPostgres {
    package static func shared() async throws -> DatabaseServerProcess {
        try await Once.shared.get("postgres") { try await start() }
    }

    private static var folders: [String] {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return versions.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "\(root)/\($0)/bin" }
    }

    package static func start() async throws -> DatabaseServerProcess {
        let folder = try serverFolder("postgres")
        let data = folder("data")
        let file = folder("password")
        try DatabaseServerProcess.password.write(toFile: file, atomically: false, encoding: .utf8)
        chmod(file, 0o644)
        try await prepare(
            [
                try program("initdb", package: "postgresql", in: folders), "-D", data, "-U",
                DatabaseServerProcess.user, "--pwfile=\(file)", "--auth=scram-sha-256", "-E",
                "UTF8", "--locale=C.UTF-8", "--no-sync",
            ], folder)
        let port = try steadyPort()
        let server = try DatabaseServerProcess(
            port: port, folder: folder, socket: folder(".s.PGSQL.\(port)"),
            program: [
                try program("postgres", package: "postgresql", in: folders), "-D", data, "-p",
                "\(port)", "-h", "127.0.0.1", "-k", folder.path, "-F", "-c",
                "max_connections=100", "-c", "shared_buffers=128MB", "-c", "max_wal_size=4GB",
            ])
        try await server.settle("PostgreSQL") {
            let run = try Spawned(
                folders.map { $0 + "/psql" }.first { access($0, X_OK) == 0 } ?? "/usr/bin/psql",
                ["-X", "-h", folder.path, "-p", "\(port)", "-c", "SELECT 1", "postgres"],
                environment: [
                    "PGUSER": DatabaseServerProcess.user,
                    "PGPASSWORD": DatabaseServerProcess.password,
                ], output: "/dev/null", errors: folder("try.errors"))
            return try await run.end() == 0
        }
        return server
    }
}

package enum RealRedis {
    /// Of a plain password, which fits a URL.
    package static let password = "geheim-redis"

    package static func shared() async throws -> DatabaseServerProcess {
        try await Once.shared.get("redis") { try await start() }
    }

    package static func start() async throws -> DatabaseServerProcess {
        let folder = try serverFolder("redis")
        let port = try steadyPort()
        let socket = folder("redis.sock")
        let server = try DatabaseServerProcess(
            port: port, folder: folder, socket: socket,
            program: [
                try program("redis-server", package: "redis-server", in: []), "--port", "\(port)",
                "--bind", "127.0.0.1", "--unixsocket", socket, "--unixsocketperm", "777",
                "--dir", folder.path, "--save", "", "--requirepass", password,
            ])
        try await server.settle("Redis") {
            let run = try Spawned(
                "/usr/bin/redis-cli", ["-s", socket, "--no-auth-warning", "-a", password, "PING"],
                environment: [:], output: folder("ping"), errors: folder("try.errors"))
            _ = try await run.end()
            return (try? String(contentsOfFile: folder("ping"), encoding: .utf8)) == "PONG\n"
        }
        return server
    }
}

extension DatabaseServerProcess {
    /// As a runbook would name it, with the password in a file.
    package func server(_ database: String, host: String = "127.0.0.1") -> DatabaseServer {
        DatabaseServer(
            host: host, port: port, database: database, user: Self.user,
            password: .plain(Self.password))
    }
}
