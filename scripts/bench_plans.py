"""A dry run of a rollback of fifty steps, beside a shell that starts as many programs."""
import os
import shutil
import subprocess
import time

STAGES = ["Service shutdown", "Component removal", "Legacy restoration", "Database rollback",
          "Configuration update", "Service restart", "Validation"]


def _runbook(steps):
    lines = ["version: 1", "service: { name: bench, title: Bench }",
             "components: { host: { title: Host, probes: { disk: { disk: { path: / } } } } }",
             "people: { root: { name: Root, user: root } }",
             "roles: { administrator: { members: [ root ] } }",
             "backup: { to: backups, files: [ tocsin.yaml ] }",
             "rollback:", "  to: The system before", "  authorization: { planned: { needs: { administrator: 1 } } }",
             "  stages:"]
    for index, stage in enumerate(STAGES):
        lines += [f"    - name: {stage}", "      steps:"]
        for number in range(steps // 7 + (1 if index < steps % 7 else 0)):
            # A check that says “not yet”: each step would run, and each is asked.
            lines.append(f"        - {{ name: Step {index}.{number}, run: [/bin/true], "
                         "check: { run: [/bin/false] }, undo: { run: [/bin/true] } }")
    return "\n".join(lines) + "\n"


def plans(options, folder, bench):
    steps = 50
    print(f"A dry run of {steps} steps, each with a check that starts a program")
    place = os.path.join(folder, "plans")
    os.makedirs(place)
    with open(os.path.join(place, "tocsin.yaml"), "w", encoding="utf-8") as file:
        file.write(_runbook(steps))
    state = os.path.join(place, "state")
    where = ["--runbook", os.path.join(place, "tocsin.yaml"), "--state", state]
    engine = subprocess.Popen([options.program, "engine", *where], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        bench.wait_for("the engine", lambda: os.path.exists(os.path.join(state, "engine.sock")))
        ours, shell = [], []
        for _ in range(3 if options.quick else 10):
            began = time.monotonic()
            done = subprocess.run([options.program, "rollback", "--dry-run", *where],
                                  capture_output=True, text=True, check=False)
            ours.append((time.monotonic() - began) * 1000)
            if done.returncode != 0:
                raise SystemExit(f"bench: the dry run: {done.stderr[-500:]}")
            began = time.monotonic()
            subprocess.run(["sh", "-c", f"for i in $(seq {steps}); do /bin/false; done"], check=False)
            shell.append((time.monotonic() - began) * 1000)
        bench.report(f"dry run of {steps} steps", "tocsin", bench.spread(ours, "ms", 0))
        bench.report(f"{steps} programs started", "sh", bench.spread(shell, "ms", 0))
    finally:
        engine.terminate()
        engine.wait(20)
    shutil.rmtree(place)
