// Courier's beat: looks at the switches, makes the faults that need doing, and moves the news on.
import Logging

#if canImport(Glibc)
    import Glibc
#endif

/// The one who does what a fault needs done all along: holding memory, holding the database's lock.
actor Upkeep {
    private let courier: Courier
    private var memory: [HeldMemory] = []
    private var lock: DatabaseLock?

    /// Four times this is what the fault `memory` takes.
    private static let memoryStep = 50 << 20
    private static let memorySteps = 4

    init(_ courier: Courier) { self.courier = courier }

    /// Beats until the task is cancelled.
    /// - Throws: when courier's folder is gone: a demo that was ended with violence must not leave a
    ///   service behind for ever.
    func run() async throws {
        defer {
            lock?.release()
            lock = nil
        }
        let clock = ContinuousClock()
        var last = clock.now
        while !Task.isCancelled {
            await look()
            let now = clock.now
            await courier.delivery?.beat(seconds: seconds(now - last))
            last = now
            guard courier.folder.exists(RunLock.file) else {
                throw DemoError("\(courier.folder.path) is gone, and courier with it")
            }
            try? await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Looks at the switches and makes true what they say.
    func look() async {
        let (before, after) = courier.switches.refresh(courier.folder)
        if before != after { await tell(before, after) }
        if after.faults.contains(DemoFaults.websocket) || courier.isDown {
            courier.lines.dropAll()
        } else if after.isolated {
            courier.lines.dropAll(code: 1008, onlyJoined: true)
        }
        if !after.banner.isEmpty, after.banner != before.banner {
            for user in courier.users {
                courier.flash.add(Flash(category: "broadcast", text: after.banner), to: user.name)
            }
        }
        holdMemory(after.faults.contains(DemoFaults.memory))
        holdLock(after.faults.contains(DemoFaults.database))
    }

    private func holdMemory(_ on: Bool) {
        if !on {
            memory = []
        } else if memory.count < Self.memorySteps {
            memory.append(HeldMemory(Self.memoryStep))
        }
    }

    private func holdLock(_ on: Bool) {
        if !on {
            lock?.release()
            lock = nil
        } else if lock == nil {
            do { lock = try DatabaseLock(courier.folder) } catch {
                courier.log.warning("the database cannot be locked yet: \(error)")
            }
        }
    }

    private func tell(_ before: SwitchState, _ after: SwitchState) async {
        func list(_ names: Set<String>) -> String {
            names.isEmpty ? "none" : names.sorted().joined(separator: ", ")
        }
        if before.faults != after.faults {
            courier.log.warning("faults: \(list(after.faults))")
        }
        if before.isolated != after.isolated {
            courier.log.notice("isolation \(after.isolated ? "begins" : "ends")")
        }
        guard before.fallbacks != after.fallbacks else { return }
        courier.log.notice("fallbacks: \(list(after.fallbacks))")
        if courier.site.mode == .unified {
            try? await courier.storage?.noteEmergency(
                "fallbacks", list(after.fallbacks), now: wallClock())
        }
    }
}

func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}

/// Memory that is really taken: every page of it is written to.
private final class HeldMemory {
    private let bytes: UnsafeMutableRawPointer
    init(_ count: Int) {
        bytes = .allocate(byteCount: count, alignment: 4096)
        memset(bytes, 1, count)
    }
    deinit { bytes.deallocate() }
}
