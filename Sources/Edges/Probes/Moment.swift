// A moment on the clock that only goes forward, and the system's words for its error numbers.
package import Domain
import Glibc

/// Nanoseconds of CLOCK_MONOTONIC; only differences mean anything.
package struct Moment: Sendable, Hashable, Comparable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
    package static func < (left: Moment, right: Moment) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
    package static func + (moment: Moment, span: Span) -> Moment {
        Moment(nanoseconds: moment.nanoseconds + Int64((min(span.seconds, 1e9) * 1e9).rounded()))
    }
    package static func - (later: Moment, earlier: Moment) -> Span {
        Span(seconds: Double(later.nanoseconds - earlier.nanoseconds) / 1e9)
    }
    /// Negative when it is past.
    package var fromNow: Span { self - .now }
}

func systemMessage(_ number: Int32) -> String { String(cString: strerror(number)) }
