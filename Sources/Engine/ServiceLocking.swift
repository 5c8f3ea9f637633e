// One procedure that changes the service at a time, also with a second engine: the service's lock.
import Domain
import Procedures
import Rules

extension EngineCore {
    /// An operator is told at once; what the engine starts by itself waits its turn.
    /// - Throws: `Refusal` when the request would begin or take up a procedure while another engine is
    ///   at work on the service.
    func refuseBesideAnotherEngine(_ request: Request, _ events: [Event]) throws(Refusal) {
        guard let lock = parts.serviceLock, case .command = request, situation.procedure == nil
        else { return }
        guard let id = events.compactMap({ Self.begun($0, by: request) }).first,
            case .byAnother(let holder) = lock.hold(for: id)
        else { return }
        throw Refusal(
            .notNow, rule: "another-engine",
            why: "\(Self.name(holder)) is changing \(runbook.service.title)",
            remedy: "Watch it there (tocsin --state …), wait for its end, or end that engine if it "
                + "was started by mistake")
    }

    /// The procedure that an operator begins or takes up with this.
    private static func begun(_ event: Event, by request: Request) -> String? {
        if case .procedureStarted(let procedure) = event {
            var isAsked = procedure.startedBy != "engine"
            if case .command(.autoRecover, _) = request { isAsked = true }
            return isAsked && procedure.touchesTheWorld ? procedure.id : nil
        }
        if case .procedureResumed(let id, _) = event { return id }
        if case .undoStarted(let id, _, _) = event { return id }
        return nil
    }

    /// Holds the lock for as long as a procedure that touches the world is not over; also while it is
    /// paused or waits.
    func followServiceLock() {
        guard let lock = parts.serviceLock else { return }
        guard let procedure = situation.procedure, procedure.touchesTheWorld else {
            lock.letGo()
            set(.service, nil)
            return
        }
        switch lock.hold(for: procedure.id) {
        case .held, .byOwnRunner: set(.service, nil)
        case .byAnother(let holder):
            set(
                .service,
                "\(Self.name(holder)) is changing this service: \(procedure.id) waits for its end")
        case .impossible(let fault):
            set(
                .service,
                "NO LOCK FOR THE SERVICE: make sure that no other engine works on it. \(fault)")
        }
    }

    /// Whether a step of the procedure may touch the world now.
    func mayTouchTheWorld(_ id: String) -> Bool {
        guard let lock = parts.serviceLock, situation.procedure?.id == id else { return true }
        followServiceLock()
        if case .byAnother = lock.hold(for: id) { return false }
        return true
    }

    func waitForTheService(_ id: String) async {
        while !mayTouchTheWorld(id) { try? await Task.sleep(for: .milliseconds(250)) }
    }

    private static func name(_ holder: ServiceLock.Holder?) -> String {
        guard let holder else { return "another engine" }
        let place = "pid \(holder.pid), state folder \(Visible.text(holder.state, limit: 200))"
        let what = Visible.text(holder.procedure, limit: 60)
        return holder.isAlive
            ? "another engine (\(place)) with \(what)"
            : "a step of \(what) that another engine (\(place)) has left at work"
    }
}

extension Procedure {
    var touchesTheWorld: Bool {
        stages.contains { $0.steps.contains { $0.step.work.needsRunner } }
    }
}
