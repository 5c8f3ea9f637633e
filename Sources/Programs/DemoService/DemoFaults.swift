// The faults that can be switched on in courier: one empty file each, so that they outlive it.

/// One way to break courier.
package struct DemoFault: Sendable, Equatable {
    package var name: String
    /// What it does, in a sentence.
    package var effect: String
    /// What mends it, in a sentence.
    package var mendedBy: String
    /// Courier switches it off itself when it starts.
    var endsWithRestart: Bool
}

package enum DemoFaults {
    /// Every fault, in the order in which they are shown.
    package static let all: [DemoFault] = [
        DemoFault(
            name: websocket, effect: "Every WebSocket is dropped and every handshake is refused.",
            mendedBy: "Restarting the service.", endsWithRestart: true),
        DemoFault(
            name: delivery, effect: "Every second notification reaches its client cut short.",
            mendedBy: "Restarting the service.", endsWithRestart: true),
        DemoFault(
            name: database,
            effect: "The database is locked: nothing can read or write it, from outside neither.",
            mendedBy: "Switching it off; a restart does not help.", endsWithRestart: false),
        DemoFault(
            name: slow, effect: "The home page takes a second and a half.",
            mendedBy: "Switching it off; a restart does not help.", endsWithRestart: false),
        DemoFault(
            name: memory, effect: "The service takes 200 MB of memory and does not give it back.",
            mendedBy: "Restarting the service.", endsWithRestart: true),
        DemoFault(
            name: complete,
            effect: "All that is unified answers 503 and every WebSocket is dropped.",
            mendedBy: "Rolling back to the legacy system; no restart helps.",
            endsWithRestart: false),
        DemoFault(
            name: gateway, effect: "Text messages and pages are refused: they must go another way.",
            mendedBy: "Switching it off; a restart does not help.", endsWithRestart: false),
    ]
    static let websocket = "websocket"
    static let delivery = "delivery"
    static let database = "database"
    static let slow = "slow"
    static let memory = "memory"
    static let complete = "complete"
    static let gateway = "gateway"

    /// Breaks or mends; a running courier notices within a fraction of a second.
    /// - Parameter folder: courier's folder, the one that holds `courier.env`.
    /// - Throws: `DemoError` for a name that is not in `all`, and when the file cannot be written.
    package static func set(_ name: String, on: Bool, folder: String) throws {
        guard all.contains(where: { $0.name == name }) else {
            let names = all.map(\.name).joined(separator: ", ")
            throw DemoError("there is no fault \(name.debugDescription); there are \(names)")
        }
        let folder = try ServiceFolder(folder)
        if on {
            try folder.write("faults/\(name)", "")
        } else {
            try folder.remove("faults/\(name)")
        }
    }

    /// The faults that are switched on, in the order of `all`; none for a folder that is not there.
    package static func active(folder: String) -> [String] {
        guard let folder = try? ServiceFolder(folder) else { return [] }
        return active(in: folder)
    }

    static func active(in folder: ServiceFolder) -> [String] {
        let files = Set(folder.names(in: "faults"))
        return all.map(\.name).filter(files.contains)
    }

    /// What a restart mends, mended; called when courier starts.
    static func endWithRestart(_ folder: ServiceFolder) throws {
        for fault in all where fault.endsWithRestart { try folder.remove("faults/\(fault.name)") }
    }
}
