// Small values that many parts of a runbook share: secrets, requests, commands, data sources.

/// Plain data from the runbook (the body of a request, say), in the order it was written.
package indirect enum DataValue: Sendable, Equatable, Codable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([DataValue])
    case map([DataField])
}
package struct DataField: Sendable, Equatable, Codable {
    package var key: String
    package var value: DataValue
    package init(key: String, value: DataValue) {
        self.key = key
        self.value = value
    }
}

/// A value that must never be printed: only where it is to be found is kept.
package enum Secret: Sendable, Equatable, Codable {
    case environment(String)
    /// An absolute path.
    case file(String)

    /// What may be shown in its place.
    package var label: String {
        switch self {
        case .environment(let name): "{env: \(name)}"
        case .file(let path): "{file: \(path)}"
        }
    }
}

/// A text that may be a secret.
package enum Value: Sendable, Equatable, Codable {
    case plain(String)
    case secret(Secret)
    /// What may be shown: the text, or where the secret comes from.
    package var label: String {
        switch self {
        case .plain(let text): text
        case .secret(let secret): secret.label
        }
    }
}
package struct NamedValue: Sendable, Equatable, Codable {
    package var name: String
    package var value: Value
    package init(name: String, value: Value) {
        self.name = name
        self.value = value
    }
}

/// An HTTP request as the runbook writes it; `{{name}}` is filled in where it is made.
package struct HTTPRequest: Sendable, Equatable, Codable {
    package var url: Value
    package var method: String
    package var headers: [NamedValue]
    package var body: HTTPBody
    package var login: HTTPLogin?
    package init(
        url: Value, method: String = "GET", headers: [NamedValue] = [], body: HTTPBody = .none,
        login: HTTPLogin? = nil
    ) {
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
        self.login = login
    }
}
/// Who asks, as Basic authentication has it (RFC 7617).
package struct HTTPLogin: Sendable, Equatable, Codable {
    /// Without a colon.
    package var user: Value
    package var password: Value
    package init(user: Value, password: Value) {
        self.user = user
        self.password = password
    }
}
package enum HTTPBody: Sendable, Equatable, Codable {
    case none
    case text(String)
    /// A JSON document; texts in it may hold `{{name}}`.
    case json(DataValue)
    /// `application/x-www-form-urlencoded`.
    case form([NamedValue])
}

/// What an answer must be like; every given part must hold.
package struct Expectation: Sendable, Equatable, Codable {
    /// HTTP status codes, one of which must be answered. Empty: 200–399.
    package var status: [Int]
    /// The whole check must take less.
    package var under: Span?
    /// A regular expression that the body must contain a match of.
    package var body: String?
    /// A regular expression for the first message of a WebSocket.
    package var message: String?
    /// The reply of a Redis command.
    package var reply: String?
    /// Names, each with a regular expression that the body must contain a match of; what the match (or
    /// its first group) holds fills `{{name}}` in later requests of the procedure. Nil in older journals.
    package var keep: [NamedText]?
    package init(
        status: [Int] = [], under: Span? = nil, body: String? = nil, message: String? = nil,
        reply: String? = nil, keep: [NamedText]? = nil
    ) {
        self.status = status
        self.under = under
        self.body = body
        self.message = message
        self.reply = reply
        self.keep = keep
    }
}

package struct DataSource: Sendable, Equatable, Codable {
    package var name: String
    package var kind: DataSourceKind
    package init(name: String, kind: DataSourceKind) {
        self.name = name
        self.kind = kind
    }
}
package enum DataSourceKind: Sendable, Equatable, Codable {
    case mysql(DatabaseServer)
    case postgresql(DatabaseServer)
    /// An absolute path of a SQLite file.
    case sqlite(path: String)
    case redis(url: Value)
}
package struct DatabaseServer: Sendable, Equatable, Codable {
    /// A name, an IP address, or the absolute path of a socket or of its folder.
    package var host: String
    package var port: Int
    package var database: String
    package var user: String
    package var password: Value?
    /// Nil: where the server offers it. Not used on a socket.
    package var tls: DatabaseTLS?
    /// The absolute path of a file with the certificates that are trusted; nil: those of the system.
    package var tlsCA: String?
    package init(
        host: String, port: Int, database: String, user: String, password: Value?,
        tls: DatabaseTLS? = nil, tlsCA: String? = nil
    ) {
        self.host = host
        self.port = port
        self.database = database
        self.user = user
        self.password = password
        self.tls = tls
        self.tlsCA = tlsCA
    }
}
package enum DatabaseTLS: String, Sendable, Codable, CaseIterable {
    case off
    case whenOffered = "when-offered"
    /// Whoever answers.
    case required
    /// The certificate must be trusted and carry the host's name.
    case verified
}

/// A service with start and stop commands of its own (`units:`), for machines without systemd.
/// A name that is not listed there is a systemd unit.
package struct ServiceUnit: Sendable, Equatable, Codable {
    package var name: String
    package var start: [String]
    package var stop: [String]
    /// Exit status 0 means that it runs. Nil: not known.
    package var status: [String]?
    package init(name: String, start: [String], stop: [String], status: [String]?) {
        self.name = name
        self.start = start
        self.stop = stop
        self.status = status
    }
}
