// A time zone's offsets from UTC as plain data, so that the rules can tell local days without a clock.

/// When a place's clocks changed and will change, and by how much they are ahead of UTC.
package struct ZoneOffsets: Sendable, Equatable {
    package struct Change: Sendable, Equatable {
        package var from: Timestamp
        /// Seconds that local time is ahead of UTC; negative in the west.
        package var seconds: Int
        package init(from: Timestamp, seconds: Int) {
            self.from = from
            self.seconds = seconds
        }
    }
    /// Before the first change.
    package let standard: Int
    /// Earliest first; each differs from the one before.
    package let changes: [Change]

    package static let utc = ZoneOffsets()

    /// - Parameter changes: in any order; of several at one moment the last counts.
    package init(standard: Int = 0, changes: [Change] = []) {
        self.standard = standard
        var kept: [Change] = []
        for (_, change) in changes.enumerated().sorted(by: {
            ($0.element.from, $0.offset) < ($1.element.from, $1.offset)
        }) {
            if kept.last?.from == change.from { kept.removeLast() }
            if change.seconds != kept.last?.seconds ?? standard { kept.append(change) }
        }
        self.changes = kept
    }

    /// Seconds that local time is ahead of UTC at a moment; after the last change for ever its offset.
    package func seconds(at moment: Timestamp) -> Int {
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].from <= moment { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? standard : changes[low - 1].seconds
    }

    /// What the clocks on the wall show at a moment, written as if it were UTC.
    package func wall(_ moment: Timestamp) -> Timestamp {
        moment + Span(seconds: Double(seconds(at: moment)))
    }

    /// The moment at which the clocks on the wall show a time. A time that they show twice is the
    /// first of the two; a time that they skip is read with the offset before the gap, so that
    /// 02:30 becomes 03:30 (both as RFC 5545, 3.3.5, has it).
    package func moment(ofWall wall: Timestamp) -> Timestamp {
        // No clock was ever more than a day ahead or behind.
        let day = Span.hours(24)
        let candidates = Set([wall - day, wall, wall + day].map { seconds(at: $0) })
        let moments = candidates.map { wall - Span(seconds: Double($0)) }.sorted()
        if let found = moments.first(where: { self.wall($0) == wall }) { return found }
        // In a gap: the change that skips it lies between two candidates, and the offset that held
        // before it is the one that gives the later moment.
        return moments.last ?? wall
    }
}
