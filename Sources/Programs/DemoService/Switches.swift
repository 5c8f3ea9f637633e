// What is switched on around courier: faults, fallbacks, isolation; files, looked at often.
import Synchronization

/// The switches as they were found at one look.
struct SwitchState: Sendable, Equatable {
    var faults: Set<String> = []
    /// `flash` and `broadcast`, where enabled.
    var fallbacks: Set<String> = []
    /// What the broadcast fallback says on every page.
    var banner = ""
    /// Only the administrators get in.
    var isolated = false
}

/// The names of the fallbacks, and where their switches are kept.
enum Fallbacks {
    static let flash = "flash"
    static let broadcast = "broadcast"
    static let names = [flash, broadcast]
    static let defaultBanner = "Notifications may be late. Please reload the page for news."

    static func set(_ name: String, on: Bool, text: String? = nil, in folder: ServiceFolder) throws
    {
        guard names.contains(name) else {
            throw DemoError(
                "there is no fallback \(name.debugDescription); there are flash and broadcast")
        }
        if on {
            try folder.write("fallbacks/\(name)", text ?? defaultBanner)
        } else {
            try folder.remove("fallbacks/\(name)")
        }
    }
}

/// The switches in force, for whoever asks.
final class Switches: Sendable {
    static let isolationFile = "isolated"
    private let state: Mutex<SwitchState>

    init(_ folder: ServiceFolder) { state = Mutex(Self.look(folder)) }

    var now: SwitchState { state.withLock { $0 } }
    func isBroken(_ fault: String) -> Bool { state.withLock { $0.faults.contains(fault) } }

    /// Looks again; answers the state before and after.
    func refresh(_ folder: ServiceFolder) -> (before: SwitchState, after: SwitchState) {
        let found = Self.look(folder)
        return state.withLock { state in
            defer { state = found }
            return (state, found)
        }
    }

    private static func look(_ folder: ServiceFolder) -> SwitchState {
        var found = SwitchState()
        found.faults = Set(DemoFaults.active(in: folder))
        found.fallbacks = Set(folder.names(in: "fallbacks")).intersection(Fallbacks.names)
        if found.fallbacks.contains(Fallbacks.broadcast) {
            let text = (try? folder.text("fallbacks/\(Fallbacks.broadcast)")) ?? ""
            found.banner = String(text.prefix(500))
        }
        found.isolated = folder.exists(isolationFile)
        return found
    }
}
