// One mistake at a time in the example: where it is reported, and in what words.
import Domain
import RunbookFile
import Testing

@Suite struct MistakeTests {
    // What stands in the example, what stands there instead, and the only problem that is reported.
    @Test(
        arguments: [
            // Keys.
            (
                "version: 1\n", "version: 2\n",
                "8:10: `version` must be 1, not `2`; this program reads version 1 of the format"
            ),
            (
                "version: 1\n", "",
                "9:1: a runbook needs the key `version`; the version of the format: 1"
            ),
            (
                "  title: Notification service\n", "  titel: Notification service\n",
                "12:3: unknown key `titel` in `service`; did you mean `title`?"
            ),
            (
                "    weight: 3\n    critical: true ", "    zzz: 3\n    critical: true ",
                "96:5: unknown key `zzz` in a component; its keys are: `title`, `weight`, `critical`, `depends_on`, `probes`"
            ),
            (
                "gauges:  ", "gages:  ",
                "149:1: unknown key `gages` in a runbook; did you mean `gauges`?"
            ),
            (
                "notify: [administrator], via: [mail, text, pager]",
                "notifi: [administrator], via: [mail, text, pager]",
                "70:21: unknown key `notifi` in an escalation step; did you mean `notify`?"
            ),
            (
                "memory: { memory: {}, ", "memory: { memory: { unit: x }, ",
                "143:27: unknown key `unit` in `memory`; it takes none"
            ),
            // Types.
            (
                "weight: 3\n", "weight: heavy\n",
                "96:13: `weight` must be a number, not `heavy`"
            ),
            (
                "weight: 3\n", "weight: \"3\"\n",
                "96:13: `weight` must be a number, not `3`; write it without quotes"
            ),
            (
                "weight: 3\n", "weight: [3]\n",
                "96:13: `weight` must be a number, not a list"
            ),
            (
                "critical: true  ", "critical: yes  ",
                "97:15: `critical` must be true or false, not `yes`; write `true`"
            ),
            (
                "every: 10s, timeout: 5s", "every: 10, timeout: 5s",
                "89:26: `every` must be a duration, not `10`; it needs a unit, as in `10s`"
            ),
            (
                "every: 10s, timeout: 5s", "every: soon, timeout: 5s",
                "89:26: `every` must be a duration, not `soon`; durations are written 500ms, 30s, 5m, 24h or 7d"
            ),
            (
                "depends_on: [web]  ", "depends_on: web  ",
                "105:17: `depends_on` must be a list, not `web`; write `[web]`"
            ),
            (
                "run: [./bin/queue, clear], undo", "run: ./bin/queue clear, undo",
                "182:39: `run` must be a list, not `./bin/queue clear`; write `[./bin/queue, clear]`"
            ),
            (
                "  name: vedfolnir   ", "  name:   ",
                "11:8: `name` must be a name, not nothing"
            ),
            (
                "  name: vedfolnir   ", "  name: ved folnir   ",
                "11:9: `name` cannot be `ved folnir`; names are 1–64 letters, digits, _ and -, and do not begin with -"
            ),
            (
                "max_attempts: 3", "max_attempts: 2.5",
                "207:17: `max_attempts` must be a whole number, not `2.5`"
            ),
            (
                "pages: [ \"http", "pages: [ [], \"http",
                "276:10: an item of `pages` must be a URL, not a list"
            ),
            // Impossible values.
            (
                "weight: 3\n", "weight: -1\n",
                "96:13: `weight` must be 0 or more, not -1"
            ),
            (
                "timeout: 5s, down_after", "timeout: -5s, down_after",
                "89:40: `timeout` cannot be negative: `-5s`"
            ),
            (
                "timeout: 5s, down_after", "timeout: 0s, down_after",
                "89:40: `timeout` must be longer than `0s`"
            ),
            (
                "timeout: 5s, down_after", "timeout: 2h, down_after",
                "89:40: `timeout` is `2h`, which is too long; at most 1h"
            ),
            (
                "down_after: 3", "down_after: 0",
                "89:56: `down_after` must be from 1 to 1000, not 0"
            ),
            (
                "level: 1, failure: system_failure", "level: 5, failure: system_failure",
                "159:100: `level` must be from 1 to 4, not 5"
            ),
            (
                "port: 3306", "port: 70000",
                "86:47: `port` must be from 1 to 65535, not 70000"
            ),
            (
                "respond_within: 5m", "respond_within: 0m",
                "63:40: `respond_within` must be longer than `0m`"
            ),
            (
                "tcp: \"192.0.2.1:443\"", "tcp: \"192.0.2.1\"",
                "91:22: `tcp` is not an address: `192.0.2.1`; write \"host:port\", a port is 1–65535"
            ),
            (
                "match: \"python.*web_app.py\"", "match: \"python(.*web_app.py\"",
                "100:36: `match` is not a regular expression: `python(.*web_app.py`; expected ')'"
            ),
            (
                "message: '^0\\{'", "message: '^0[{'",
                "107:119: `message` is not a regular expression: `^0[{`; expected ']'"
            ),
            (
                "json: $.websocket.connected", "json: websocket.connected",
                "111:40: `json` is not a JSON path: `websocket.connected`; such as $.queue.length or $.items[0].n"
            ),
            (
                "{ http: { url: \"http://127.0.0.1:5000/\" }, expect: { status: 200, under: 1s } }\n      process",
                "{ http: { url: \"htp://127.0.0.1:5000/\" }, expect: { status: 200, under: 1s } }\n      process",
                "99:31: `url` cannot be a URL of `htp`; it begins with http:// or https://"
            ),
            (
                "url: \"ws://127.0.0.1:5000/socket.io", "url: \"http://127.0.0.1:5000/socket.io",
                "107:38: `url` cannot be a URL of `http`; it begins with ws:// or wss://"
            ),
            (
                "redis://127.0.0.1:6379/0", "redis://:hunter2@127.0.0.1:6379/0",
                "87:29: `url` holds a password; write the whole URL as `{ env: NAME }`"
            ),
            (
                "timezone: UTC ", "timezone: Mars/Olympus ",
                "14:13: `timezone` is not a known time zone: `Mars/Olympus`; write an IANA name such as UTC or Europe/Berlin"
            ),
            (
                "from: 2026-01-05T09:00:00Z", "from: 2026-02-30T09:00:00Z",
                "82:57: `from` is not a moment: `2026-02-30T09:00:00Z`; write it as 2026-01-05T09:00:00Z"
            ),
            (
                "rotate: weekly", "rotate: wekly",
                "82:43: `rotate` cannot be `wekly`; did you mean `weekly`?"
            ),
            (
                "email: ines@example.com", "email: ines.example.com",
                "18:52: `email` is not an e-mail address: `ines.example.com`; such as name@example.com"
            ),
            (
                "status: 200, under: 1s", "status: 2000, under: 1s",
                "99:77: `status` must be from 100 to 599, not 2000"
            ),
            (
                "notify: [administrator], via: [mail], title", "notify: [], via: [mail], title",
                "244:44: `notify` is an empty list, so nothing would happen; add an item or delete it"
            ),
            (
                "steps: [ { name: Delete, run: [./bin/sessions, clear, --problematic-only] } ]",
                "steps: []",
                "191:12: `steps` is an empty list, so nothing would happen; add an item or delete it"
            ),
            (
                "needs: { administrator: 1 }", "needs: { administrator: 5 }",
                "238:44: `administrator` has 4 members, so 5 can never agree; add members to the role or ask for fewer"
            ),
            (
                "needs: { senior-administrator: 1 }", "needs: { senior-administrator: 0 }",
                "239:51: `senior-administrator` must be from 1 to 1000, not 0"
            ),
            (
                "remove: [ unified_notification_manager.py", "remove: [ ../..",
                "252:61: `remove` does not take `../..`; name files or folders below the runbook's folder"
            ),
            (
                "backup: verified }        #", "backup: maybe }        #",
                "246:31: `backup` cannot be `maybe`; choices: `verified`, `true`"
            ),
            // Secrets.
            (
                "password: { env: VEDFOLNIR_DB_PASSWORD }", "password: hunter2",
                "86:106: `password` is a secret and must not be written in the runbook; write `{ env: NAME }` or `{ file: PATH }`"
            ),
            (
                "routing_key: { env: PAGERDUTY_KEY }", "routing_key: abc",
                "49:31: `routing_key` is a secret and must not be written in the runbook; write `{ env: NAME }` or `{ file: PATH }`"
            ),
            (
                "secret: { file: /etc/tocsin/webhook.key }", "secret: abc",
                "43:67: `secret` is a secret and must not be written in the runbook; write `{ env: NAME }` or `{ file: PATH }`"
            ),
            (
                "Authorization: { env: SMS_TOKEN }", "Authorization: Bearer abc",
                "41:130: `Authorization` is a secret and must not be written in the runbook; write `{ env: NAME }` or `{ file: PATH }`"
            ),
            (
                "password: { env: VEDFOLNIR_TEST_PASSWORD }", "password: hunter2",
                "268:129: `password` is a secret and must not be written in the runbook; write `{ env: NAME }` or `{ file: PATH }`"
            ),
            (
                "{ env: PAGERDUTY_KEY }", "{ evn: PAGERDUTY_KEY }",
                "49:33: unknown key `evn` in a secret; did you mean `env`?"
            ),
            (
                "{ env: PAGERDUTY_KEY }", "{ env: PAGERDUTY-KEY }",
                "49:38: `env` must be the name of an environment variable, not `PAGERDUTY-KEY`; letters, digits and _, no digit first"
            ),
            // Names that do not exist.
            (
                "members: [tomas]", "members: [thomas]",
                "25:39: no person is called `thomas`; did you mean `tomas`?"
            ),
            (
                "includes: [senior-administrator", "includes: [senior-admin",
                "29:40: no role is called `senior-admin`; there are: `senior-administrator`, `system-administrator`, `database-administrator`, `security-administrator`, `change-manager`, `administrator`, `viewer`"
            ),
            (
                "via: [mail, text, pager]", "via: [mail, txt, pager]",
                "70:58: no channel is called `txt`; did you mean `text`?"
            ),
            (
                "notify: [senior-administrator], via: [text]", "notify: [bob], via: [text]",
                "71:30: no role or person is called `bob`; there are: `senior-administrator`, `system-administrator`, `database-administrator`, `security-administrator`, `change-manager`, `administrator`, `viewer`, `ines`, `tomas`, `priya`, `oren`"
            ),
            (
                "order: [tomas, priya]", "order: [tomas, pria]",
                "82:94: no person is called `pria`; did you mean `priya`?"
            ),
            (
                "depends_on: [web, database]", "depends_on: [web, datbase]",
                "117:23: no component is called `datbase`; did you mean `database`?"
            ),
            (
                "source: main, query: \"SELECT COUNT(*) FROM notification_storage",
                "source: man, query: \"SELECT COUNT(*) FROM notification_storage",
                "125:24: no SQL data source is called `man`; did you mean `main`?"
            ),
            (
                "sql: { source: main, query: \"SELECT 1\" }",
                "sql: { source: sessions, query: \"SELECT 1\" }",
                "132:33: `sessions` is not a SQL data source; SQL data sources: `main`"
            ),
            (
                "probe: database.connect,", "probe: database.conect,",
                "152:14: no probe is called `database.conect`; did you mean `database.connect`?"
            ),
            (
                "metric: websocket.connected, ", "metric: websocket.conected, ",
                "151:15: no metric is called `websocket.conected`; did you mean `websocket.connected`?"
            ),
            (
                "actions: [restart-websocket, restart-services]",
                "actions: [restart-websocket, restart-service]",
                "210:66: no action is called `restart-service`; did you mean `restart-services`?"
            ),
            (
                "steps: [ { name: Isolate, action: isolate }",
                "steps: [ { name: Isolate, action: isolat }",
                "281:49: no action is called `isolat`; did you mean `isolate`?"
            ),
            (
                "playbook: optimize-system", "playbook: optimise-system",
                "282:107: no playbook is called `optimise-system`; did you mean `optimize-system`?"
            ),
            (
                "rollback: emergency }", "rollback: emergncy }",
                "280:97: no authorization of the rollback is called `emergncy`; did you mean `emergency`?"
            ),
            (
                "drills: [websocket_failure,", "drills: [websocket_failur,",
                "297:70: no drill is called `websocket_failur`; did you mean `websocket_failure`?"
            ),
            (
                "fallback: flash }", "fallback: flush }",
                "290:62: no fallback is called `flush`; did you mean `flash`?"
            ),
            (
                "undo: { service: { start: vedfolnir } }",
                "undo: { status_page: { status: a, message: b } }",
                "250:86: `undo: status_page` takes back a `status_page` only; say here how the step's own work is taken back"
            ),
            (
                "restore_database: main", "restore_database: mainn",
                "260:37: no SQL data source is called `mainn`; did you mean `main`?"
            ),
            (
                "databases: [ main ]", "databases: [ sessions ]",
                "224:16: `sessions` is not a SQL data source; SQL data sources: `main`"
            ),
            (
                "engine: health_score", "engine: health",
                "155:15: `engine` cannot be `health`; choices: `emergencies`, `recovery_success_rate`, `rollback_success_rate`, `health_score`"
            ),
            // Conditions.
            (
                "when: delivery.error_rate > 10,", "when: delivery.error_rate = 10,",
                "160:53: `when`: `=` is written `==`"
            ),
            (
                "when: delivery.error_rate > 10,", "when: delivery.eror_rate > 10,",
                "160:33: no metric is called `delivery.eror_rate`; did you mean `delivery.error_rate`?"
            ),
            (
                "when: component database down,", "when: component databse down,",
                "162:43: no component is called `databse`; did you mean `database`?"
            ),
            (
                "when: component database down,", "when: probe database.conect down,",
                "162:39: no probe is called `database.conect`; did you mean `database.connect`?"
            ),
            (
                "when: component database down,", "when: database down,",
                "162:33: `when`: to ask for a state write `component database down`"
            ),
            (
                "when: component database down,", "when: 'not  (component database down',",
                "162:39: `when`: this `(` is never closed"
            ),
            (
                "when: web.home.latency > 1s, for: 5m", "when: web.home > 1s, for: 5m",
                "165:33: `web.home` is a probe, not a metric; write `web.home.latency`, or ask for its state with `probe web.home down`"
            ),
            (
                "degraded_when: disk.used > 85", "degraded_when: disk.used",
                "142:53: `degraded_when`: a condition expects a comparison; `disk.used` is a number, write for example `disk.used > 10`"
            ),
            (
                "degraded_when: cpu.used > 90", "degraded_when: gpu.used > 90",
                "144:53: no metric is called `gpu.used`; did you mean `cpu.used`?"
            ),
            // What ties parts together.
            (
                "  ines:  { name: Ines Moreau,  user: ines, ",
                "  ines:  { name: Ines Moreau,  user: oren, ",
                "21:38: the login name `oren` is `ines`'s already; the engine could not tell them apart"
            ),
            (
                "  viewer:  ", "  oren:  ",
                "30:3: `oren` is both a role and a person; `notify` could mean either; rename one"
            ),
            (
                "{ after: 0s,  notify: [administrator]", "{ after: 20m,  notify: [administrator]",
                "71:16: this step comes after one at `20m`, which is later; put the steps in the order of `after`"
            ),
            (
                "{ after: 0s,  ticket: true }", "{ after: 0s,  ticket: true, repeat_every: 5m }",
                "79:35: `repeat_every` goes with `notify`, and there is none here"
            ),
            (
                "{ after: 0s,  ticket: true }", "{ after: 0s }",
                "79:7: an escalation step needs one of `notify`, `ticket`"
            ),
            (
                "{ after: 0s,  notify: [system-administrator], via: [mail] }",
                "{ after: 0s,  notify: [system-administrator] }",
                "76:21: `notify` needs `via` beside it"
            ),
            (
                "delivery.pending:", "delivery.error_rate:",
                "126:20: the metric `delivery.error_rate` is declared twice (first in line 123); a metric comes from one probe"
            ),
            (
                "expect: { reply: PONG }", "expect: { status: 200 }",
                "137:71: `status` cannot be expected of `redis`; what can be: `reply`, `under`"
            ),
            (
                "{ value: first, unit: notifications }", "{ json: $.n, unit: notifications }",
                "126:40: `json` is a metric of `http`, `websocket`, not of `sql`; use `value`"
            ),
            (
                "    - name: Service shutdown\n      steps: [ { name: Stop web, service: { stop: vedfolnir }, timeout: 30s, undo: { service: { start: vedfolnir } } } ]\n",
                "",
                "248:3: a rollback has seven stages, this one has 6; in order: service shutdown, component removal, legacy restoration, database rollback, configuration update, service restart, validation"
            ),
            (
                "    - name: Component removal\n", "    - name: Service shutdown\n",
                "251:13: there are two stages called `Service shutdown`"
            ),
            (
                "from: git, revision: HEAD~1,", "from: git,",
                "254:55: `restore` with `from: git` needs the key `revision`"
            ),
            (
                "from: git, revision: HEAD~1,", "from: copy, folder: saved, revision: HEAD~1,",
                "254:84: `revision` does not go with `from: copy`; delete it"
            ),
            (
                "{ name: Roll back, rollback: security }",
                "{ name: Roll back, rollback: security, probe: web.home }",
                "281:99: `probe` and `rollback` do not go together in a step; keep one of them"
            ),
            (
                "{ name: Roll back, rollback: security }",
                "{ name: Roll back, within: 5s, rollback: security }",
                "281:79: `within` goes with `probe`, and there is none here"
            ),
            (
                "{ name: Roll back, rollback: security }", "{ name: Roll back }",
                "281:60: a step needs one of `run`, `shell`, `service`, `http`, `sql`, `redis`, `remove`, `restore`, `edit`, `backup`, `restore_database`, `probe`, `notify`, `status_page`, `wait`, `confirm`, `assess`, `playbook`, `action`, `undo_action`, `rollback`, `fallback`"
            ),
            (
                "{ name: Roll back, rollback: security }", "{ rollback: security }",
                "281:60: a step needs the key `name`; what it does, for people"
            ),
            (
                "within: 20s }", "within: 20s, expect: { status: 200 } }",
                "176:77: `expect` goes with `http`, `redis`, and there is none here"
            ),
            (
                "{ name: Disk space, probe: host.disk }", "{ name: Again, rollback: planned }",
                "247:22: a rollback cannot run a rollback"
            ),
            (
                "{ name: Load, run: [./bin/assess] }",
                "{ name: Load, shell: \"assess {{reason}}\" }",
                "284:59: `shell` fills in no {{…}}: values must not meet a shell; use `run`, or read the value from the environment"
            ),
            (
                "  hook:\n", "  web hook:\n",
                "42:3: `web hook` cannot be the name of a channel; names are 1–64 letters, digits, _ and -, and do not begin with -"
            ),
            (
                "  4: { name: Low, ", "  5: { name: Low, ",
                "66:3: unknown key `5` in `levels`; its keys are: `1`, `2`, `3`, `4`"
            ),
            (
                "check: { run: [iptables, -C, INPUT, -p, tcp, --dport, \"5000\", -j, DROP] }",
                "check: { sql: { source: main, run: x } }",
                "197:39: `check` only looks, it cannot run statements; write a `query`, with `equals`, `at_least` or `at_most`"
            ),
            (
                "people:\n", "peopel:\n",
                "17:1: unknown key `peopel` in a runbook; did you mean `people`?"
            ),
            (
                "    probes:\n      home: ", "    prbes:\n      home: ",
                "98:5: unknown key `prbes` in a component; did you mean `probes`?"
            ),
            (
                "data_sources:\n  main:     { mysql:", "data_sources:\n  main:     { mysqll:",
                "86:15: unknown key `mysqll` in a data source; did you mean `mysql`?"
            ),
            (
                "{ after: 0s,  ticket: true }", "{ after: 0s,  ticket: true, ticket: false }",
                "79:35: the key `ticket` is given twice (first in line 79); keep one of them"
            ),
        ] as [(String, String, String)])
    func `is reported once, at its place`(_ old: String, _ new: String, _ expected: String) throws {
        let result = check(try Example.text(replacing: old, with: new))
        #expect(result.problems.map(\.short).joined(separator: " | ") == expected)
    }
}
