// `tocsin` alone: the dashboard, on the engine that runs or on one that it starts.
import ArgumentParser
import Domain
import Link

struct Attach {
    let session: Session
    let look: DashboardLook

    func run() async throws -> Int32 {
        let socket = try session.places.socket()
        let client = EngineClient(socket: socket)
        do { _ = try client.get("/healthz", timeout: .seconds(5)) } catch {
            // A socket that may not be opened, or an engine that hangs, is no reason for a second one.
            guard error.meansNobody else { throw error }
            try EngineWords.refuseForeignState(session.places)
            _ = try EngineStart(
                runbook: try session.places.runbook(), state: try session.places.state(),
                socket: socket, untilIdle: true
            ).run()
        }
        return await runDashboard(socket: socket, options: session.common, look: look)
    }
}
