// Whatever ends the program, the terminal is given back: the only file that touches the C handlers.
import CNcurses

/// What somebody outside wishes of the program.
package enum TerminalSignal: Sendable, Equatable {
    /// SIGINT, SIGTERM, SIGHUP or SIGQUIT.
    case end(Int32)
    case stop
    case resumed
    case resized
}

/// A crash gives the terminal back and goes on to be a crash. A wish becomes a byte in a pipe; a
/// second wish to end is granted at once, for the loop may hang.
enum CrashGuard {
    static func arm(terminal: Int32, pipe: Int32, modes: termios, farewell: [UInt8]) {
        var modes = modes
        farewell.withUnsafeBytes { bytes in
            tocsin_arm(terminal, pipe, &modes, bytes.baseAddress, bytes.count)
        }
        tocsin_catch()
    }
    /// The signals do again what they did; the terminal is no longer ours to give back.
    static func disarm() {
        tocsin_disarm()
        tocsin_release()
    }
    /// Stops the process as ctrl-Z does, and returns when it goes on.
    static func stop() { tocsin_stop() }

    static func signal(_ number: UInt8) -> TerminalSignal? {
        switch Int32(number) {
        case SIGINT, SIGTERM, SIGHUP, SIGQUIT: .end(Int32(number))
        case SIGTSTP: .stop
        case SIGCONT: .resumed
        case SIGWINCH: .resized
        default: nil
        }
    }
}
