// From probes to components to one score, as product.md defines them.
package import Domain
import OrderedCollections

package enum HealthRules {
    /// The worst of its probes: failed, then unknown, then degraded. Without probes: unknown.
    package static func component(_ probes: [Health]) -> Health {
        if probes.contains(.failed) { return .failed }
        if probes.isEmpty || probes.contains(.unknown) { return .unknown }
        return probes.contains(.degraded) ? .degraded : .healthy
    }

    /// The failed component that this one's failure follows from, found along `depends_on`.
    package static func cause(
        of component: Component, in runbook: Runbook, states: (String) -> Health
    ) -> String? {
        var visited: Set<String> = [component.name]
        var queue = component.dependsOn
        while !queue.isEmpty {
            let name = queue.removeFirst()
            guard visited.insert(name).inserted,
                let other = runbook.components.first(where: { $0.name == name })
            else { continue }
            if states(name) == .failed {
                return cause(of: other, in: runbook, states: states) ?? name
            }
            queue += other.dependsOn
        }
        return nil
    }

    /// 0–100: the weighted mean (healthy 1, degraded ½, failed and unknown 0); a failed critical
    /// component caps it at 49. 0 without components.
    package static func score(_ components: [(component: Component, health: Health)]) -> Int {
        var sum = 0.0
        var weights = 0.0
        var capped = false
        for (component, health) in components {
            weights += component.weight
            switch health {
            case .healthy: sum += component.weight
            case .degraded: sum += component.weight / 2
            case .failed: if component.critical { capped = true }
            case .unknown: break
            }
        }
        guard weights > 0 else { return 0 }
        let score = Int((sum / weights * 100).rounded())
        return capped ? min(score, 49) : score
    }

    /// Failed when a critical component is; degraded when any is failed or degraded; unknown when any
    /// is unknown; healthy otherwise.
    package static func overall(_ components: [(component: Component, health: Health)]) -> Health {
        if components.contains(where: { $0.component.critical && $0.health == .failed }) {
            return .failed
        }
        if components.contains(where: { $0.health == .failed || $0.health == .degraded }) {
            return .degraded
        }
        if components.isEmpty || components.contains(where: { $0.health == .unknown }) {
            return .unknown
        }
        return .healthy
    }
}

extension Situation {
    /// The state of a component, from the standings of its probes.
    package func health(of component: Component) -> Health {
        HealthRules.component(component.probes.map { probes[$0.reference]?.health ?? .unknown })
    }
}
