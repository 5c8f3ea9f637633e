// Fallbacks that a level asks for: enabled when the emergency begins, disabled when it is over.
//
//   open ─ the level names a fallback that is not enabled ──▶ a procedure enables it, once
//   over ─ the engine had enabled it ──▶ a procedure disables it, once
// One at a time, and only when nothing else changes the service.
import Domain
import OrderedCollections

extension Rules {
    func dueFallbacks(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        guard situation.procedure == nil else { return [] }
        if let emergency = situation.emergency {
            let wanted = runbook.levels.first { $0.level == emergency.level }?.fallbacks ?? []
            guard
                let name = wanted.first(where: {
                    !situation.enabledFallbacks.contains($0) && !situation.fallbacksDue.contains($0)
                }), let fallback = runbook.fallbacks.first(where: { $0.name == name })
            else { return [] }
            return [
                .fallbacksDue([name], enable: true),
                switching(fallback, enable: true, by: "engine", in: situation, at: moment),
            ]
        }
        guard let name = situation.fallbacksToEnd.first else { return [] }
        var events: [Event] = [.fallbacksDue([name], enable: false)]
        if situation.enabledFallbacks.contains(name),
            let fallback = runbook.fallbacks.first(where: { $0.name == name })
        {
            events.append(
                switching(fallback, enable: false, by: "engine", in: situation, at: moment))
        }
        return events
    }
}
