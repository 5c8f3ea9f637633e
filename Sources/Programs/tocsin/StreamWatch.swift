// Reads the engine's stream for a command that waits, also while one engine ends and the next begins.
import Domain
import FoundationEssentials
import Link
import Wire

#if canImport(Glibc)
    import Glibc
#endif

/// Waits without keeping a processor busy.
func pause(_ span: Span) { usleep(UInt32(min(span.seconds, 1000) * 1_000_000)) }

struct StreamWatch {
    let session: Session
    /// What becomes of the matter while there is no engine, as the end of a sentence.
    let meanwhile: String
    /// How long an engine may be away before the command gives up.
    var patience = Span.seconds(60)
    /// How long the command waits at all; nil: until it is over.
    var limit: Span?

    /// An engine that says nothing for so long is as good as gone: a line comes every second.
    private static let silence = Span.seconds(15)

    /// Hands what the engine says to `look`, until that answers.
    /// - Parameter say: called when an engine is gone, and when one is back.
    /// - Returns: what `look` answered; nil when the time was up, or no engine came back in time.
    /// - Throws: `Failure` when there is no socket to ask at.
    func run<End>(say: (String) -> Void, look: ([StreamLine]) -> End?) throws -> End? {
        let client = try session.client()
        let deadline = limit.map { ContinuousClock.now + .seconds($0.seconds) }
        var lost: ContinuousClock.Instant?
        while true {
            do throws(LinkError) {
                let stream = try client.openStream()
                if lost != nil { say("the engine is back") }
                lost = nil
                return try read(stream, until: deadline, look)
            } catch {
                let now = ContinuousClock.now
                if lost == nil { say("the engine is gone (\(error)); \(meanwhile)") }
                let since = lost ?? now
                lost = since
                if now - since > .seconds(patience.seconds) { return nil }
                if let deadline, now >= deadline { return nil }
                pause(.seconds(0.2))
            }
        }
    }

    private func read<End>(
        _ stream: StreamConnection, until deadline: ContinuousClock.Instant?,
        _ look: ([StreamLine]) -> End?
    ) throws(LinkError) -> End? {
        while true {
            let left = deadline.map { Span.seconds(($0 - ContinuousClock.now) / .seconds(1)) }
            if let left, left <= .zero { return nil }
            let lines = try stream.readLines(within: min(left ?? Self.silence, Self.silence))
            if lines.isEmpty, left.map({ $0 > Self.silence }) ?? true {
                throw .timeout(path: session.common.socket ?? "", after: Self.silence)
            }
            // A line of a newer engine that says something unknown is passed over.
            if let end = look(
                lines.compactMap { try? WireCoding.decode(StreamLine.self, from: $0) })
            {
                return end
            }
        }
    }
}
