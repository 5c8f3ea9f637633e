// The first runbook of a new service, commented as a tutorial.

extension RunbookFile {
    /// A runbook that passes the check as it is.
    /// - Parameter service: its name; what cannot stand in a name becomes `-`.
    package static func starter(service: String) -> String {
        starterText.split(separator: "SERVICE", omittingEmptySubsequences: false)
            .joined(separator: starterName(service))
    }

    private static func starterName(_ service: String) -> String {
        let letters = service.prefix(64).map { character -> Character in
            character.isASCII && (character.isLetter || character.isNumber || character == "_")
                ? character : "-"
        }
        let name = String(letters.drop { $0 == "-" })
        return ScalarRules.nameProblem(name) == nil ? name : "my-service"
    }

    private static let starterText = """
        # The runbook of SERVICE: everything that Tocsin knows about it.
        #
        # Change what follows to fit your service, then let Tocsin read it:
        #
        #     tocsin check-runbook tocsin.yaml     lists every mistake, with line and column
        #     tocsin                               opens the dashboard
        #
        # `tocsin schema` prints a JSON Schema with every key, for your editor.
        # Durations are written 500ms 30s 5m 24h 7d. Relative paths start at this file's folder.
        # ${NAME} is taken from the environment; a secret is written { env: NAME } or { file: PATH }.
        version: 1

        service:
          name: "SERVICE"                 # typed to confirm a rollback
          title: "SERVICE"
          timezone: UTC

        # ── Who is told ─────────────────────────────────────────────────────────────────────────
        people:
          admin:
            name: The administrator
            user: root                    # the login name, as `whoami` prints it
            email: root@localhost

        roles:
          administrator: { members: [admin] }

        channels:
          mail:
            email: { server: "smtp://127.0.0.1:25", from: tocsin@localhost }

        # What happens while nobody acknowledges an emergency of level 1 (critical) or 2 (high).
        escalation:
          1:
            - { after: 0s, notify: [administrator], via: [mail] }
            - { after: 5m, notify: [administrator], via: [mail], repeat_every: 5m }
          2:
            - { after: 0s, notify: [administrator], via: [mail] }

        # ── What is watched ─────────────────────────────────────────────────────────────────────
        # A component is a part of the service; a probe is one periodic check of it.
        probe_defaults:
          every: 10s
          timeout: 5s
          down_after: 3                   # failures in a row until the probe is failed
          up_after: 2                     # successes in a row until it is healthy again

        components:
          web:
            title: Web
            weight: 3                     # its part in the health score
            critical: true                # all critical components down: a complete failure
            probes:
              home:
                http: { url: "http://127.0.0.1:8080/" }
                expect: { status: 200, under: 2s }
          host:
            title: Host
            probes:
              disk:
                disk: { path: / }
                degraded_when: disk.used > 85
                down_when: disk.used > 95

        # The numbers on the dashboard, in this order.
        gauges:
          - { probe: web.home, title: Answer time }
          - { metric: disk.used, title: Disk used, good_below: 85 }
          - { engine: health_score, title: Health score, good_above: 90 }

        # ── When it is an emergency ─────────────────────────────────────────────────────────────
        # `when` compares metrics and asks for states; `for` says how long it must hold.
        triggers:
          service-down:
            when: all critical components down
            level: 1
            failure: service_failure      # picks the recovery plan below
          slow:
            when: web.home.latency > 1s and not component web down
            for: 5m
            level: 2
            failure: performance_degradation

        # ── What can be done about it ───────────────────────────────────────────────────────────
        # A step does one thing. A program and its arguments are a list: no shell is involved.
        actions:
          restart:
            title: Restart the service
            steps:
              - { name: Restart, run: [systemctl, restart, "SERVICE"], timeout: 60s }
              - { name: The page answers, probe: web.home, within: 30s }

        recovery:
          max_attempts: 3
          automatic: propose              # `run` starts the action without asking
          plans:
            service_failure: { actions: [restart], escalate_after: 5m }
            performance_degradation: { actions: [restart] }

        # What comes next: `fallbacks:`, `backup:`, `rollback:`, `playbooks:`, `drills:` and more.
        # The bundled example, Examples/demo/tocsin.yaml, shows all of them at work.

        """
}
