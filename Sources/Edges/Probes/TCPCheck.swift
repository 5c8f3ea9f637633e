// The `tcp` probe: a connection can be made.
import Domain
import Transfers

struct TCPCheck: KindOfCheck {
    private let probe: Probe
    private let host: String
    private let port: Int

    init(_ context: CheckContext, _ probe: Probe, _ host: String, _ port: Int) {
        self.probe = probe
        self.host = host
        self.port = port
    }

    func find() async -> Finding {
        do throws(TransferFault) {
            let seconds = try await Transfers.shared.connect(
                host: host, port: port, timeout: probe.schedule.timeout)
            return Finding(.good, "connected in \(Span(seconds: seconds).measured)")
        } catch {
            return Finding(error)
        }
    }
}
