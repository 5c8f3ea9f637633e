// What the outreach tests share: orders, secrets, programs, and messages made to break things.
import Domain
import Foundation
import Outreach
import Synchronization
import TestKit

/// Texts that break out of whatever is not careful.
let hostile =
    "a\"b'c\\d\r\nBcc: eve@example.com\r\n\r\n.\r\n<script>&amp;{{name}} =?utf-8?q?x?= \u{0}\u{1B}[31m\u{7F} 🚨 üñî"

struct TestSecrets: SecretReader {
    var texts: [String: String] = [:]
    func read(_ secret: Secret) throws -> String {
        guard case .environment(let name) = secret, let text = texts[name] else {
            throw Fault(operation: "read a secret", subject: secret.label, cause: "it is not set")
        }
        return text
    }
}

func now() -> Timestamp {
    Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
}

func order(
    _ route: DeliveryRoute, purpose: MessagePurpose = .emergency, level: Level? = .high,
    title: String = "delivery.error_rate is 12 %", text: String = "Many users are affected.",
    change: (inout DeliveryOrder) -> Void = { _ in }
) -> DeliveryOrder {
    let at = now()
    let message = OutboxMessage(
        id: "message_20260105_001", purpose: purpose, emergency: "emergency_20260105_001",
        level: level, priority: level.map(MessagePriority.init) ?? .normal, title: title,
        text: text,
        facts: [
            NamedText(name: "Respond by", text: "14:18 UTC"),
            NamedText(name: "Failing", text: "delivery, websocket"),
        ], at: at, by: "engine", people: ["ines"], via: ["x"],
        values: purpose == .statusPage ? [NamedText(name: "status", text: "degraded")] : [])
    var delivery = Delivery(
        id: "message_20260105_001.2", message: message.id, channel: "x", people: ["ines"],
        queuedAt: at, notBefore: at)
    delivery.attempts = 1
    var order = DeliveryOrder(
        delivery: delivery, message: message, route: route,
        people: [
            Person(
                id: "ines", name: "Ines Moreau", user: "ines", email: "ines@example.com",
                sms: "+15550100")
        ],
        service: ServiceIdentity(
            name: "vedfolnir", title: "Notification service", environment: "production"),
        levelName: "High", at: at)
    change(&order)
    return order
}

/// Every text of the order is hostile.
func makeHostile(_ order: inout DeliveryOrder) {
    order.message.title = hostile
    order.message.text = hostile
    order.message.by = hostile
    order.message.facts = [NamedText(name: hostile, text: hostile)]
    order.delivery.earlier = [hostile]
    order.delivery.mayRepeat = true
    order.people[0].name = "a\"b\\c\r\nBcc: <eve@x> 🚨 üñî"
    order.service.name = hostile
    order.service.title = hostile
    order.service.environment = hostile
    order.levelName = hostile
}

func carry(
    _ order: DeliveryOrder, secrets: [String: String] = [:], limit: Span = .seconds(300)
) async -> DeliveryOutcome {
    await OutreachCarrier(secrets: TestSecrets(texts: secrets), limit: limit).carry(order)
}

/// Runs a program to its end.
/// - Throws: when it does not end with 0.
func run(_ program: String, _ arguments: [String]) async throws -> String {
    let folder = try TemporaryFolder("run")
    let spawned = try Spawned(
        program, arguments,
        environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path, "LC_ALL": "C.UTF-8"],
        output: folder("out"), errors: folder("err"))
    let status = try await spawned.end()
    let output = try String(contentsOfFile: folder("out"), encoding: .utf8)
    guard status == 0 else {
        let errors = try String(contentsOfFile: folder("err"), encoding: .utf8)
        throw TestKitError(text: "\(program) ended with \(status): \(errors)\(output)")
    }
    return output
}

/// A program that runs until the test lets go of it.
final class Daemon: Sendable {
    let spawned: Spawned
    let folder: TemporaryFolder
    init(_ program: String, _ arguments: [String], folder: TemporaryFolder) throws {
        self.folder = folder
        spawned = try Spawned(
            program, arguments,
            environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path, "LC_ALL": "C.UTF-8"],
            output: folder("out"), errors: folder("err"))
    }
    deinit { if spawned.status == nil { kill(spawned.pid, SIGKILL) } }

    /// Waits until it is ready; fails with its own words when it ends before.
    func ready(_ what: String, _ condition: () async throws -> Bool) async throws {
        try await eventually(what) {
            if let status = spawned.status {
                let words = try? String(contentsOfFile: folder("err"), encoding: .utf8)
                throw TestKitError(text: "\(what): ended with \(status): \(words ?? "")")
            }
            return try await condition()
        }
    }
}

/// A key and a certificate for 127.0.0.1 that nothing trusts by itself.
struct Certificate {
    let folder: TemporaryFolder
    var file: String { folder("cert.pem") }
    var key: String { folder("key.pem") }

    static func make() async throws -> Certificate {
        let made = Certificate(folder: try TemporaryFolder("cert"))
        _ = try await run(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", made.key, "-out", made.file, "-days", "2", "-subj",
                "/CN=tocsin test", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
            ])
        return made
    }
}

/// The requests that a server got, in order.
final class Received: Sendable {
    private let requests = Mutex<[String]>([])
    func add(_ request: String) { requests.withLock { $0.append(request) } }
    var all: [String] { requests.withLock { $0 } }

    static func head(_ request: String) -> String {
        request.components(separatedBy: "\r\n\r\n").first ?? ""
    }
    static func body(_ request: String) -> String {
        request.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
    }
    static func header(_ name: String, _ request: String) -> String? {
        head(request).components(separatedBy: "\r\n").dropFirst().first {
            $0.lowercased().hasPrefix(name.lowercased() + ":")
        }.map { String($0.dropFirst(name.count + 1)).trimmingCharacters(in: .whitespaces) }
    }
    static func json(_ request: String) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(body(request).utf8))
        guard let map = value as? [String: Any] else {
            throw TestKitError(text: "no JSON object: \(body(request))")
        }
        return map
    }
}
