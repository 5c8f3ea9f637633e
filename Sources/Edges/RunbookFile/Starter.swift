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
        # A line that begins with `#` and a key is an example: take the `#` away to use it.
        people:
          admin:
            name: The administrator
            user: root                    # the login name, as `whoami` prints it
            email: root@localhost
        #    sms: "+15550100"

        roles:
          administrator: { members: [admin] }

        # How people are reached. `webhook`, `alertmanager` and `command` are further kinds; the channel
        # `users` would reach those who use the service. `tocsin test-alerts` tries them all.
        channels:
          mail:
            email: { server: "smtp://127.0.0.1:25", from: tocsin@localhost }
        #  text:                            # the request that your SMS gateway wants
        #    sms:
        #      url: "https://sms.example.com/send"
        #      login: { user: tocsin, password: { file: secrets/sms } }
        #      form: { To: "{{to}}", Body: "{{text}}" }
        #  chat:                            # Slack, Mattermost or Rocket.Chat
        #    slack: { url: { file: secrets/slack } }
        #  push:
        #    ntfy: { url: "https://ntfy.example.com/SERVICE" }
        #  pager:
        #    pagerduty: { routing_key: { file: secrets/pagerduty } }

        #tickets:
        #  http: { url: "https://tickets.example.com/api/issues", json: { title: "{{title}}" } }

        # What happens while nobody acknowledges an emergency, by its level: 1 critical, 2 high,
        # 3 medium, 4 low. Of the channels in `via` the first is used, and the next when it fails;
        # with `every_channel: true` all of them at once.
        escalation:
          1:
            - { after: 0s, notify: [administrator], via: [mail] }
            - { after: 5m, notify: [administrator], via: [mail], repeat_every: 5m }
          2:
            - { after: 0s, notify: [administrator], via: [mail] }
            - { after: 15m, notify: [administrator], via: [mail], repeat_every: 15m }
          3:
            - { after: 0s, notify: [administrator], via: [mail] }
        #  4:
        #    - { after: 0s, ticket: true }

        # Whose shift it is: of the role, only this person is told. Shifts change at the time of day of
        # `from`, on the clocks of the service's `timezone`.
        #on_call:
        #  - role: administrator
        #    rotate: weekly                 # or daily
        #    from: 2026-01-05T09:00:00Z
        #    order: [admin]                 # ids of people, who take turns

        # What other systems raise, such as Prometheus' Alertmanager: its webhook is
        # http://127.0.0.1:9095/v1/alerts. The first rule whose patterns match decides.
        #alerts:
        #  listen: "127.0.0.1:9095"
        #  rules:
        #    - { match: { severity: "critical|page" }, problem: alert, level: 2 }

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
