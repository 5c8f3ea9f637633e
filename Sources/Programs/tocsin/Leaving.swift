// Ctrl-C while something is followed: this command ends, with a word that the engine's work does not.

#if canImport(Glibc)
    import Glibc
#endif

enum Leaving {
    /// What the handler writes. Made before it is set, for a handler may not allocate.
    private nonisolated(unsafe) static var words: UnsafeMutableBufferPointer<UInt8>?

    /// From now on Ctrl-C says this, and ends the process with the status that shells give for it (130).
    /// A shell that runs the command in the background has it ignore Ctrl-C; then it still does.
    static func says(_ text: String) {
        end()
        var present = sigaction()
        guard sigaction(SIGINT, nil, &present) == 0, !isIgnored(present) else { return }
        // On a terminal the cursor stands behind ^C.
        let line = (isatty(STDERR_FILENO) == 1 ? "\n" : "") + text + "\n"
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: line.utf8.count)
        _ = buffer.initialize(fromContentsOf: line.utf8)
        words = buffer
        signal(SIGINT) { _ in
            if let words = Leaving.words {
                _ = write(STDERR_FILENO, words.baseAddress, words.count)
            }
            _exit(130)
        }
    }

    /// Ctrl-C is what it was.
    static func end() {
        guard let buffer = words else { return }
        signal(SIGINT, SIG_DFL)
        words = nil
        buffer.deallocate()
    }

    private static func isIgnored(_ action: sigaction) -> Bool {
        unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
