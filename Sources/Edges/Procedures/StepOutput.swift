// The end of what a step said, for reports on what is long over.
import Domain
import Files

package enum StepOutput {
    /// - Parameter run: the step's run directory.
    /// - Returns: at most `count` lines, control characters made visible; empty when nothing was said,
    ///   or nothing of it is kept.
    package static func lastLines(_ count: Int, of run: String) -> [String] {
        guard let bytes = try? Files.readIfThere(RunDirectory(run).log) else { return [] }
        return bytes.suffix(Self.mostBytes).split(separator: 10).suffix(count).map {
            Visible.text(String(decoding: $0, as: UTF8.self), limit: 500)
        }
    }
    private static let mostBytes = 64 * 1024
}
