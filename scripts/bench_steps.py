"""Engine time per procedure step beyond the step's own, beside fork and exec of /bin/true.

A real engine runs an action of 100 trivial steps, as `tocsin recover` asks for it. Each step prints the
moment at which it runs (date +%s%N), so the time from one step to the next is known to the nanosecond;
what the same program takes by itself, forked and executed in this run, is taken off. Beside it stand
the same figures by the journal's clock, which counts milliseconds.
"""
import json
import os
import subprocess
import time
from datetime import datetime

STEPS = 100


def fork_and_exec(argv, times=200):
    """Milliseconds from the fork to the end, one after the other."""
    nowhere = os.open("/dev/null", os.O_RDWR)
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=[
            (os.POSIX_SPAWN_DUP2, nowhere, 1)])
        os.waitpid(pid, 0)
        taken.append((time.perf_counter() - began) * 1000)
    os.close(nowhere)
    return taken


def run_once(options, folder, bench):
    """Milliseconds between steps by their own clock, and by the journal's."""
    os.makedirs(folder)
    runbook = os.path.join(folder, "tocsin.yaml")
    lines = ["version: 1", "service: { name: bench, title: Bench service }", "components:",
             "  host: { title: Host, probes: { memory: { memory: {}, every: 60s } } }", "actions:",
             "  hundred:", "    title: A hundred steps", "    steps:"]
    lines += [f"      - {{ name: Step {n}, run: [/bin/date, +%s%N] }}" for n in range(STEPS)]
    with open(runbook, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    state = os.path.join(folder, "state")
    place = ["--runbook", runbook, "--state", state]
    with open(os.path.join(folder, "engine.log"), "w", encoding="utf-8") as log:
        engine = subprocess.Popen([options.program, "engine", *place], stdout=log, stderr=log)
    try:
        bench.wait_for("the engine's socket",
                       lambda: os.path.exists(os.path.join(state, "engine.sock")))
        subprocess.run([options.program, "recover", "hundred", *place], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
        said = subprocess.run(
            [options.program, "events", "--limit", "500", "--output", "json", *place], check=True,
            capture_output=True, text=True, timeout=60).stdout
    finally:
        engine.terminate()
        engine.wait(20)
    moments = []
    for path, _, names in os.walk(os.path.join(state, "runs")):
        if "output.log" in names:
            with open(os.path.join(path, "output.log"), encoding="utf-8") as file:
                moments.append(int(file.read().split()[-1]))
    moments.sort()
    journal = [datetime.fromisoformat(event["at"].replace("Z", "+00:00")).timestamp() * 1000
               for event in json.loads(said)["events"] if event["kind"] == "step-started"]
    return ([(b - a) / 1e6 for a, b in zip(moments, moments[1:])],
            [b - a for a, b in zip(journal, journal[1:])])


def steps(options, folder, bench):
    print(f"An action of {STEPS} trivial steps, from each step's program to the next one's")
    true = fork_and_exec(["/bin/true"])
    bench.report("fork and exec of /bin/true", "libc",
                 f"p50 {bench.percentile(true, .5):.2f} ms, p99 {bench.percentile(true, .99):.2f} ms")
    date = fork_and_exec(["/bin/date", "+%s%N"])
    own = bench.percentile(date, .5)
    cycles, journal = [], []
    for number in range(1 if options.quick else 5):
        own_clock, journal_clock = run_once(options, os.path.join(folder, f"steps{number}"), bench)
        cycles += [cycle - own for cycle in own_clock]
        journal += journal_clock
    bench.report("engine time per step", "tocsin",
                 f"p50 {bench.percentile(cycles, .5):.2f} ms, p99 {bench.percentile(cycles, .99):.2f} ms",
                 "p50 ≤ 5 ms, p99 ≤ 20 ms")
    bench.report("step to step, by the journal", "tocsin",
                 f"p50 {bench.percentile(journal, .5):.0f} ms, p99 {bench.percentile(journal, .99):.0f} ms"
                 f" (with {own:.2f} ms for its program)")
