// The keys of what many parts of a runbook share: secrets, requests, expectations, data sources.
import Domain

enum Keys {
    static let ports = 1...65535
    static let argv = Shape.list(.argument)

    // MARK: Secrets

    private static let secretTable = KeyTable(
        what: "a secret",
        keys: [
            may(
                "env", .variable, "The environment variable that holds it; read when it is needed."),
            may("file", .path, "The file that holds it; read when it is needed."),
        ],
        exactlyOne: [["env", "file"]])
    /// Never plain text.
    static let secret = Shape.either(scalar: .plainSecret, map: .table(secretTable))
    /// Plain text or a secret.
    static func value(_ plain: ScalarShape) -> Shape {
        .either(scalar: plain, map: .table(secretTable))
    }

    // MARK: Requests

    private static let request = KeyTable(
        what: "a request",
        keys: [
            must("url", value(.url(["http", "https"])), "Where it goes."),
            may(
                "method", .choice(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
                "GET, or POST with a body."),
            may(
                "header",
                .named(NamedShape(what: "a header", rule: .header, value: value(.line))),
                "Headers; an Authorization is a secret."),
            may("json", .data, "The body, as JSON."),
            may(
                "form", .named(NamedShape(what: "a field", rule: .field, value: value(.text))),
                "The body, as the fields of a form."),
            may("body", .text, "The body, as text."),
            may("login", .table(login), "Basic authentication (RFC 7617)."),
        ],
        atMostOne: [["json", "form", "body"]],
        rule: { tree, problems in
            guard tree["login"] != nil,
                let other = tree["header"]?.entries.first(where: {
                    $0.key.lowercased() == "authorization"
                })
            else { return }
            problems.error(
                other.place, "`login` and the header `\(other.key)` do not go together",
                "keep one of them")
        })
    private static let login = KeyTable(
        what: "`login`",
        keys: [
            must("user", value(.line), "The user; no colon in it."),
            must("password", secret, "Where the password is to be found."),
        ],
        rule: { tree, problems in
            guard let user = tree["user"], user.scalar?.text.contains(":") == true else { return }
            problems.error(
                user.place, "the user of a `login` must not hold a colon",
                "Basic authentication parts the user from the password by it")
        })
    static let http = Shape.table(request)

    static let expectation = Shape.table(
        KeyTable(
            what: "`expect`",
            keys: [
                may(
                    "status", .oneOrMore(.integer(100...599)),
                    "The status codes of which one must be answered; 200–399 without it."),
                may("under", .span(.upTo(hours: 1)), "The whole check must take less."),
                may(
                    "body", .pattern, "A regular expression that the body must contain a match of."),
                may("message", .pattern, "A regular expression for a WebSocket's first message."),
                may("reply", .text, "The reply of a Redis command."),
                may(
                    "keep",
                    .named(
                        NamedShape(
                            what: "a value", rule: .variable, value: .scalar(.pattern))),
                    "Values for {{name}} in later requests: what a group of the expression finds in "
                        + "the body."),
            ],
            atLeastOne: [["status", "under", "body", "message", "reply", "keep"]]))

    static let address = Shape.either(
        scalar: .address,
        map: .table(
            KeyTable(
                what: "an address",
                keys: [
                    must("host", .host, "A name or an IP address."),
                    must("port", .integer(ports), "1–65535."),
                ])))

    // MARK: Data sources

    private static func server(_ what: String, port: Int) -> Shape {
        .table(
            KeyTable(
                what: what,
                keys: [
                    may("host", .host, "A name or an IP address."),
                    may("port", .integer(ports), "\(port) without it."),
                    may("socket", .path, "The path of its socket, or of the socket's folder."),
                    must("database", .line, "The name of the database."),
                    must("user", .line, "The user of the database."),
                    may("password", secret, "Where its password is to be found."),
                    may(
                        "tls", .choice(DatabaseTLS.allCases.map(\.rawValue)),
                        "Whether to encrypt: when-offered without it; verified also checks who "
                            + "answers."),
                    may(
                        "tls_ca", .path,
                        "A file with the certificates that are trusted; without it the system's."),
                ],
                exactlyOne: [["host", "socket"]], needs: ["tls_ca": ["tls"]]))
    }
    static let source = Shape.table(
        KeyTable(
            what: "a data source",
            keys: [
                may("mysql", server("`mysql`", port: 3306), "MySQL or MariaDB."),
                may("postgresql", server("`postgresql`", port: 5432), "PostgreSQL."),
                may(
                    "sqlite",
                    .table(KeyTable(what: "`sqlite`", keys: [must("path", .path, "Its file.")])),
                    "SQLite."),
                may(
                    "redis",
                    .table(
                        KeyTable(
                            what: "`redis`",
                            keys: [
                                must(
                                    "url", value(.url(["redis", "rediss", "unix"])),
                                    "Such as redis://127.0.0.1:6379/0.")
                            ])),
                    "Redis or Valkey."),
            ],
            exactlyOne: [["mysql", "postgresql", "sqlite", "redis"]]))

    static let unit = Shape.table(
        KeyTable(
            what: "a unit",
            keys: [
                must("start", argv, "The program that starts it, and its arguments."),
                must("stop", argv, "The program that stops it, and its arguments."),
                may("status", argv, "A program that exits with 0 when it runs."),
            ]))
}
