// What has changed between two pictures: the runs of cells that a terminal must be sent.

/// Cells next to each other in one row, from `x` up to and not including `endX`. It starts and
/// ends at whole glyphs.
package struct ChangedRun: Sendable, Equatable {
    package var y: Int
    package var x: Int
    package var endX: Int
}

extension Frame {
    /// Unchanged cells between two changed ones that are cheaper to send again than a cursor move.
    private static let bridge = 4

    /// The runs that differ, row after row, left to right. All of it when there is no older frame
    /// or it has another size.
    package func changes(from older: Frame?) -> [ChangedRun] {
        guard let older, older.width == width, older.height == height else {
            return (0..<height).map { ChangedRun(y: $0, x: 0, endX: width) }.filter { $0.endX > 0 }
        }
        var runs: [ChangedRun] = []
        for y in 0..<height where !sameRow(y, as: older) {
            collect(&runs, y, older)
        }
        return runs
    }

    private func collect(_ runs: inout [ChangedRun], _ y: Int, _ older: Frame) {
        let start = y * width
        var open: ChangedRun?
        for x in 0..<width where !same(start + x, as: older) {
            // A half of a wide glyph stands for the whole one, in the new frame and in the old.
            var from = x
            var to = x + 1
            if cells[start + x].isRightHalf || older.cells[start + x].isRightHalf { from -= 1 }
            if cells[start + x].width == 2 || older.cells[start + x].width == 2 { to += 1 }
            from = max(0, from)
            to = min(width, to)
            while from > 0, cells[start + from].isRightHalf { from -= 1 }
            while to < width, cells[start + to].isRightHalf { to += 1 }
            if let run = open, from - run.endX <= Frame.bridge {
                open?.endX = max(run.endX, to)
            } else {
                if let run = open { runs.append(run) }
                open = ChangedRun(y: y, x: from, endX: to)
            }
        }
        if let run = open { runs.append(run) }
    }

    private func sameRow(_ y: Int, as older: Frame) -> Bool {
        let start = y * width
        return cells.withUnsafeBufferPointer { new in
            older.cells.withUnsafeBufferPointer { old in
                for index in start..<start + width {
                    // Clusters are numbered by their frame: the same number says nothing.
                    if new[index] != old[index] || new[index].isCluster {
                        if !same(index, as: older) { return false }
                    }
                }
                return true
            }
        }
    }
    private func same(_ index: Int, as older: Frame) -> Bool {
        let new = cells[index]
        let old = older.cells[index]
        guard new.isCluster || old.isCluster else { return new == old }
        return new.style == old.style && new.width == old.width
            && spelling(new) == older.spelling(old)
    }
}
