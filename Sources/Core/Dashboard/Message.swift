// What can happen to the dashboard, and what it can ask for.
import Domain
package import Screen
package import Wire

package enum Message: Sendable {
    case key(Key)
    case resized(Size)
    case line(StreamLine)
    /// The stream ended or could not be opened, and why. It is being opened again.
    case disconnected(String)
    /// Time has passed.
    case tick
    case answered(CommandRequest, CommandOutcome)
    /// The answer to `loadPlan`: the rollback as it would be run now.
    case plan(RollbackReport)
    case planFailed(String)
    /// The answer to `loadBackups`.
    case backups(BackupListReport)
    case backupsFailed(String)
    /// The faults of the demo's service that are on.
    case faults(Set<String>)
    case faultFailed(String, why: String)
    /// The terminal was taken back after the program was stopped.
    case resumed
}

/// How a command ended.
package enum CommandOutcome: Sendable, Equatable {
    case done(CommandAnswer)
    case refused(RefusalReport)
    /// It is not known whether the engine has it: the connection broke.
    case lost(String)
}

package enum Effect: Sendable, Equatable {
    case send(CommandRequest)
    /// `GET /v1/rollback/plan`.
    case loadPlan
    /// `GET /v1/backups`.
    case loadBackups
    /// Asks which faults of the demo's service are on.
    case readFaults
    /// Breaks or mends the demo's service.
    case setFault(String, on: Bool)
    /// Into the operator's clipboard.
    case copy(String)
    /// Rings the terminal's bell once, and has the desktop show this one visible line.
    case ring(String)
    /// Paint everything again, whatever the terminal shows.
    case redraw
    /// Give the terminal back and stop, as ctrl-Z does.
    case suspend
    case quit
}
