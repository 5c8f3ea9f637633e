"""How long from the death of a service to the alert at its receiver: ours beside monit and Prometheus.

All of them watch the same target, once a second, in the same rounds; each hands its alert to the same
receiver over HTTP. A round: the target is killed with SIGKILL at a random moment, the arrival of each
tool's alert is noted, the target comes back, and everybody has to see that before the next round.
"""
import http.server
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

TARGET = """
import http.server, sys
class Fine(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"fine 1\\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Fine).serve_forever()
"""


class Receiver:
    """Takes every tool's alerts, and knows when each one came."""

    def __init__(self, port):
        self.arrivals = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                # The request is there when its first line is: whatever is read later is our own slowness.
                now = time.time()
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.arrivals.append((self.path.strip("/"), now, body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def first(self, who, after):
        for name, when, body in list(self.arrivals):
            if name == who and when >= after and self.is_alert(who, body):
                return when
        return None

    @staticmethod
    def is_alert(who, body):
        if who == "monit":
            return True
        try:
            document = json.loads(body)
        except ValueError:
            return False
        if who == "tocsin":
            return document.get("type") == "emergency.activated" or \
                document.get("data", {}).get("purpose") == "emergency"
        return document.get("status") == "firing"

    def end(self):
        self.server.shutdown()


class Tools:
    """The target and everybody who watches it."""

    def __init__(self, options, folder, bench):
        self.bench = bench
        self.options = options
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.port = bench.free_port()
        self.receiver_port = bench.free_port()
        self.receiver = Receiver(self.receiver_port)
        self.processes = []
        self.target = None
        self.start_target()
        self.names = ["tocsin"]
        self.tocsin()
        if shutil.which("monit") and shutil.which("curl"):
            self.names.append("monit")
            self.monit()
        if shutil.which("prometheus") and shutil.which("prometheus-alertmanager"):
            self.names.append("prometheus")
            self.prometheus()

    def start(self, name, argv):
        log = open(os.path.join(self.folder, f"{name}.log"), "w")
        process = subprocess.Popen(argv, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def start_target(self):
        self.target = subprocess.Popen([sys.executable, "-c", TARGET, str(self.port)])

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def tocsin(self):
        runbook = self.write("tocsin.yaml", f"""
version: 1
service: {{ name: bench, title: Bench service }}
probe_defaults: {{ every: 1s, timeout: 900ms, down_after: 1, up_after: 1 }}
components:
  target:
    title: Target
    critical: true
    probes:
      page: {{ http: {{ url: "http://127.0.0.1:{self.port}/" }} }}
triggers:
  down: {{ when: component target down, level: 2, failure: system_failure }}
channels:
  hook: {{ webhook: {{ url: "http://127.0.0.1:{self.receiver_port}/tocsin" }} }}
people:
  bench: {{ name: Bench, user: {os.environ.get("USER") or "root"} }}
roles:
  administrator: {{ members: [bench] }}
escalation:
  2: [ {{ after: 0s, notify: [administrator], via: [hook] }} ]
""")
        state = os.path.join(self.folder, "state")
        self.socket = os.path.join(state, "engine.sock")
        self.start("tocsin", [self.options.program, "engine", "--runbook", runbook,
                              "--state", state])
        self.bench.wait_for("the engine", lambda: os.path.exists(self.socket))

    def ask(self, *words):
        done = subprocess.run([self.options.program, *words, "--socket", self.socket],
                              capture_output=True, text=True, timeout=30)
        return done.stdout

    def monit(self):
        config = self.write("monitrc", f"""
set daemon 1
set pidfile {self.folder}/monit.pid
set idfile {self.folder}/monit.id
set statefile {self.folder}/monit.state
set logfile {self.folder}/monit.log
check host target with address 127.0.0.1
  if failed port {self.port} protocol http with timeout 1 seconds then exec "{shutil.which('curl')} -s -m 5 -X POST http://127.0.0.1:{self.receiver_port}/monit"
""")
        self.start("monit", ["monit", "-I", "-c", config])

    def prometheus(self):
        web, manager = self.bench.free_port(), self.bench.free_port()
        routes = self.write("alertmanager.yml", f"""
route: {{ receiver: bench, group_wait: 0s, group_interval: 1s, repeat_interval: 1h }}
receivers:
  - name: bench
    webhook_configs: [ {{ url: "http://127.0.0.1:{self.receiver_port}/prometheus" }} ]
""")
        rules = self.write("rules.yml", """
groups:
  - name: bench
    rules: [ { alert: Down, expr: up == 0 } ]
""")
        config = self.write("prometheus.yml", f"""
global: {{ scrape_interval: 1s, scrape_timeout: 900ms, evaluation_interval: 1s }}
rule_files: [ "{rules}" ]
alerting: {{ alertmanagers: [ {{ static_configs: [ {{ targets: [ "127.0.0.1:{manager}" ] }} ] }} ] }}
scrape_configs:
  - job_name: target
    metrics_path: /
    static_configs: [ {{ targets: [ "127.0.0.1:{self.port}" ] }} ]
""")
        self.start("alertmanager", [
            "prometheus-alertmanager", f"--config.file={routes}",
            f"--storage.path={self.folder}/alertmanager", "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{manager}"])
        self.start("prometheus", [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{web}"])

    def end(self):
        for process in [self.target, *self.processes]:
            if process.poll() is None:
                process.terminate()
        for process in [self.target, *self.processes]:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.receiver.end()

    def one_round(self):
        """Seconds from the kill to each tool's alert, and ours from the deciding sample."""
        time.sleep(random.random())
        killed = time.time()
        self.target.send_signal(signal.SIGKILL)
        self.target.wait()
        arrived = {}

        def everybody():
            for name in self.names:
                when = self.receiver.first(name, killed)
                if when is not None:
                    arrived[name] = when
            return len(arrived) == len(self.names)
        try:
            self.bench.wait_for("every tool's alert", everybody, 20)
        except SystemExit:
            pass
        latencies = {name: when - killed for name, when in arrived.items()}
        decided = self.deciding_sample(killed)
        if decided is not None and "tocsin" in arrived:
            latencies["decided"] = arrived["tocsin"] - decided
        self.start_target()
        self.bench.wait_for("the recovery", self.is_well, 30)
        self.ask("deactivate-emergency", "--resolved-by", "bench", "--reason", "next round")
        time.sleep(2.5)
        return latencies

    def deciding_sample(self, after):
        """When the sample that decided was taken in, as the journal says (to a millisecond)."""
        events = json.loads(self.ask("events", "--limit", "50", "--output", "json"))
        for event in reversed(events["events"]):
            if event["kind"] == "probe-changed" and "failed" in event["text"]:
                from datetime import datetime
                moment = datetime.fromisoformat(event["at"].replace("Z", "+00:00")).timestamp()
                return moment if moment >= after - 0.01 else None
        return None

    def is_well(self):
        status = json.loads(self.ask("status", "--output", "json"))
        return status["health"]["state"] == "healthy"


def alerts(options, folder, bench):
    print("From the death of the service to the alert, watched every second, all tools at once")
    tools = Tools(options, os.path.join(folder, "alerts"), bench)
    try:
        time.sleep(6)
        rounds = [tools.one_round() for _ in range(8 if options.quick else 30)]
    finally:
        tools.end()
    for name in tools.names:
        values = [r[name] * 1000 for r in rounds if name in r]
        if not values:
            bench.report("kill -9 to alert", name, "no alert came")
            continue
        missed = len(rounds) - len(values)
        bench.report(
            "kill -9 to alert", name,
            f"p50 {bench.percentile(values, .5):.0f} ms, p99 {bench.percentile(values, .99):.0f} ms"
            + (f", {missed} of {len(rounds)} missed" if missed else ""),
            "p50 ≤ 500 ms" if name == "tocsin" else "")
    decided = [r["decided"] * 1000 for r in rounds if "decided" in r]
    if decided:
        bench.report(
            "deciding sample to transport", "tocsin",
            f"p50 {bench.percentile(decided, .5):.1f} ms, p99 {bench.percentile(decided, .99):.1f} ms",
            "≤ 10 ms")
