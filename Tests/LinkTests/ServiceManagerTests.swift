// What systemd is told, as it would hear it.
import Domain
import Foundation
import TestKit
import Testing

@testable import Link

@Suite struct ServiceManagerTests {
    /// A datagram socket, as systemd has one.
    final class Listener {
        let descriptor: Int32
        init(_ path: String) throws {
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            let own = descriptor
            guard UnixSocket.withAddress(of: path, { bind(own, $0, $1) }) == 0 else {
                throw TestKitError(text: "cannot bind \(path)")
            }
        }
        deinit { close(descriptor) }
        func next() -> String {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
        }
    }

    @Test func `systemd hears ready, alive and stopping`() throws {
        let folder = try TemporaryFolder("notify")
        let listener = try Listener(folder("notify"))
        let manager = ServiceManager(environment: ["NOTIFY_SOCKET": folder("notify")])
        #expect(manager.isPresent)
        manager.ready()
        manager.alive()
        manager.stopping()
        #expect(listener.next().split(separator: "\n").first == "READY=1")
        #expect(listener.next() == "WATCHDOG=1")
        #expect(listener.next() == "STOPPING=1")
    }

    @Test func `without systemd nothing is said`() {
        let manager = ServiceManager(environment: ["WATCHDOG_USEC": "1000"])
        #expect(!manager.isPresent)
        #expect(manager.watchdogEvery == nil)
        manager.ready()
    }

    @Test func `the watchdog is fed twice as often as it asks, and only when it means us`() {
        func every(_ environment: [String: String]) -> Span? {
            ServiceManager(
                environment: environment.merging(["NOTIFY_SOCKET": "@x"]) { $1 }, pid: 7
            ).watchdogEvery
        }
        #expect(every(["WATCHDOG_USEC": "30000000"]) == .seconds(15))
        #expect(every(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"]) == .seconds(15))
        #expect(every(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"]) == nil)
        #expect(every(["WATCHDOG_USEC": "soon"]) == nil)
        #expect(every([:]) == nil)
    }
}
