// The same work on many things at once.
import Domain
import Glibc
import Synchronization

enum Workers {
    static let processors = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))

    /// The order of the results is not that of the items. The first fault ends it.
    /// - Parameters:
    ///   - threads: at most so many; more than there are processors when the work waits for the disk.
    ///   - body: gets a buffer of its thread's own, aligned to blocks.
    static func map<Item: Sendable, Result: Sendable>(
        _ items: [Item], threads: Int = min(8, processors), buffer size: Int = 1 << 20,
        _ body: @escaping @Sendable (Item, UnsafeMutableRawBufferPointer) throws(Fault) -> Result
    ) throws(Fault) -> [Result] {
        let work = Work(items: items, bufferSize: size, body: body)
        let others = (1..<max(1, min(threads, items.count))).compactMap { _ in
            OwnThread { work.run() }
        }
        // Here too: so it is done even when the system gives no thread.
        work.run()
        for thread in others { thread.join() }
        return try work.results()
    }
}

/// Items and what has become of them, shared by the threads that work on them.
private final class Work<Item: Sendable, Result: Sendable>: Sendable {
    private let items: [Item]
    private let bufferSize: Int
    private let body: @Sendable (Item, UnsafeMutableRawBufferPointer) throws(Fault) -> Result
    private let next = Atomic(0)
    private let fault = Mutex<Fault?>(nil)
    private let done = Mutex<[Result]>([])

    init(
        items: [Item], bufferSize: Int,
        body: @escaping @Sendable (Item, UnsafeMutableRawBufferPointer) throws(Fault) -> Result
    ) {
        self.items = items
        self.bufferSize = bufferSize
        self.body = body
    }

    func run() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 4096)
        defer { buffer.deallocate() }
        var own: [Result] = []
        while true {
            let index = next.add(1, ordering: .relaxed).oldValue
            guard index < items.count, fault.withLock({ $0 == nil }) else { break }
            do throws(Fault) {
                own.append(try body(items[index], buffer))
            } catch {
                fault.withLock { if $0 == nil { $0 = error } }
            }
        }
        let results = own
        done.withLock { $0 += results }
    }

    func results() throws(Fault) -> [Result] {
        if let fault = fault.withLock({ $0 }) { throw fault }
        return done.withLock { $0 }
    }
}

/// A thread that may block as long as it likes.
private final class OwnThread {
    private let thread: pthread_t
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Nil when the system gives none.
    init?(_ run: @escaping @Sendable () -> Void) {
        let body = Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        guard code == 0 else {
            body.release()
            return nil
        }
        self.thread = thread
    }
    func join() { pthread_join(thread, nil) }
}
