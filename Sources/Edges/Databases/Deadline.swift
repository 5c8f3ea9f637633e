// When a conversation with a server must be over, and how somebody else ends it before.
package import Domain
import Glibc
import Synchronization

/// A moment on the clock that only goes forward (CLOCK_MONOTONIC).
package struct Deadline: Sendable {
    private let nanoseconds: Int64

    /// - Parameter span: 0 or more; over 30 years is for ever.
    package init(in span: Span) {
        nanoseconds = Self.now + Int64((max(0, min(span.seconds, 1e9)) * 1e9).rounded())
    }

    /// 0 when it has passed.
    package var left: Span { Span(seconds: max(0, Double(nanoseconds - Self.now) / 1e9)) }
    package var hasPassed: Bool { nanoseconds <= Self.now }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// Ends a conversation from another thread, within a twentieth of a second.
package final class DatabaseInterrupt: Sendable {
    private let wasCalled = Atomic(false)
    package init() {}
    package func call() { wasCalled.store(true, ordering: .relaxed) }
    package var isCalled: Bool { wasCalled.load(ordering: .relaxed) }
}

/// What a descriptor was found ready for.
enum Readiness {
    case ready(Int16)
    case late
}

/// Waits until a descriptor is ready, the deadline passes or somebody interrupts.
func waitFor(
    _ descriptor: Int32, _ events: Int16, until deadline: Deadline, _ interrupt: DatabaseInterrupt?
) -> Readiness {
    while true {
        let left = deadline.left.seconds
        guard left > 0, interrupt?.isCalled != true else { return .late }
        var polled = pollfd(fd: descriptor, events: events, revents: 0)
        let slice = interrupt == nil ? min(left, 60) : min(left, 0.05)
        let count = poll(&polled, 1, Int32((slice * 1000).rounded(.up)))
        if count > 0 { return .ready(polled.revents) }
    }
}
