// What the tests of the probes share.
import Domain
import Glibc
import TestKit

@testable import Probes

struct TestSecrets: SecretReader {
    var values: [String: String] = [:]
    func read(_ secret: Secret) throws -> String {
        guard case .environment(let name) = secret, let value = values[name] else {
            throw Fault(operation: "read a secret", subject: secret.label, cause: "it is not set")
        }
        return value
    }
}

let watched = ProbeReference(component: "c", probe: "p")

/// A probe with a generous timeout, for checks that must not run into it.
func probe(
    _ check: Check, _ expect: Expectation = Expectation(), metrics: [MetricRule] = [],
    timeout: Double = 60
) -> Probe {
    Probe(
        reference: watched, check: check, expect: expect, metrics: metrics,
        schedule: ProbeSchedule(timeout: .seconds(timeout)))
}
func check(_ probe: Probe, folder: String = "/") async -> CheckResult {
    await ProbeChecker(folder: folder, secrets: TestSecrets()).check(probe)
}
func http(_ port: Int, _ path: String = "/") -> Check {
    .http(HTTPRequest(url: .plain("http://127.0.0.1:\(port)\(path)")))
}
extension CheckResult {
    func metric(_ name: String) -> Double? { metrics.first { $0.name == name }?.value }
}

/// Whether a process still does anything; one that nobody has waited for yet does not.
func isAlive(_ process: Int32) -> Bool {
    guard let text = readWhole("/proc/\(process)/stat") else { return false }
    let state = text.split(separator: ")").last?.split(separator: " ").first
    return state != "Z" && state != "X"
}
extension TemporaryFolder {
    /// A program for /bin/sh. Another process writes it: a file that this one had open for writing
    /// could be open in a child just forked by another test, and then no one may run it.
    func script(_ name: String, _ lines: String) throws -> String {
        let text = try write(name + ".text", "#!/bin/sh\n" + lines + "\n")
        let copy = ChildProcess(
            arguments: ["install", "-m", "755", text, self(name)], folder: path)
        let end = copy.run(until: .now + .seconds(60), stop: ChildProcess.Stop())
        guard end.way == .exited(0) else { throw TestKitError(text: "install: \(end)") }
        return self(name)
    }
}
