"""The journal: one event committed and synced, and the start of an engine with a million of them."""
import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import time

RUNBOOK = """version: 1
service: { name: bench, title: Bench }
components:
  group0: { title: Group, probes: { p0: { disk: { path: / } } } }
"""


def commits(options, folder, bench):
    print("One event committed and synced, beside SQLite itself and a bare fdatasync")
    rounds = 200 if options.quick else 2000
    place = os.path.join(folder, "commits")
    os.makedirs(place)
    done = subprocess.run(
        [options.journal, "commit", os.path.join(place, "state"), "bench", str(rounds)],
        check=True, capture_output=True, text=True)
    ours = json.loads(done.stdout)
    sqlite = _sqlite(os.path.join(place, "plain.db"), rounds)
    bare = _bare(os.path.join(place, "bare"), rounds)
    for name, times, budget in [("tocsin", (ours["p50_ms"], ours["p99_ms"]), "p50 ≤ 0.25 ms"),
                                ("sqlite", sqlite, ""), ("fdatasync", bare, "")]:
        ratio = "" if name == "tocsin" else f", ours {ours['p50_ms'] / times[0]:.1f} times it"
        bench.report("one event committed", name,
                     f"p50 {times[0]:.3f} ms, p99 {times[1]:.3f} ms{ratio}", budget)
    shutil.rmtree(place)


def _sqlite(path, rounds):
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA wal_autocheckpoint = 0")
    database.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, at INTEGER, kind TEXT, body TEXT, hash TEXT)")
    body, digest = "x" * 160, "0" * 64
    times = []
    for index in range(rounds):
        began = time.perf_counter()
        database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", (index, index, "kind", body, digest))
        times.append((time.perf_counter() - began) * 1000)
    database.close()
    return _quantiles(times)


def _bare(path, rounds):
    times = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(rounds):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return _quantiles(times)


def _quantiles(times):
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100]


def starts(options, folder, bench):
    count = 100_000 if options.quick else 1_000_000
    print(f"The start of an engine with a journal of {count:,} events, to the first situation")
    place = os.path.join(folder, "journal")
    os.makedirs(place)
    with open(os.path.join(place, "tocsin.yaml"), "w", encoding="utf-8") as file:
        file.write(RUNBOOK)
    state = os.path.join(place, "state")
    done = subprocess.run([options.journal, "fill", state, "bench", str(count)],
                          check=True, capture_output=True, text=True)
    rate = count / json.loads(done.stdout)["seconds"]
    bench.report("events appended in batches", "tocsin", f"{rate:,.0f} a second", "≥ 50 000 a second")
    # No snapshot yet: everything is read. From then on only what came after the last one.
    whole = _start(options, place, state, signal.SIGKILL)
    after = [_start(options, place, state, signal.SIGTERM) for _ in range(3 if options.quick else 7)]
    bench.report("start, with a snapshot", "tocsin", bench.spread(after, "s", 3), "≤ 1 s")
    bench.report("start, without one", "tocsin", f"{whole:.2f} s (once after the rules changed)")
    shutil.rmtree(place)


def _start(options, place, state, end):
    """Seconds from the start of the program until its situation has come."""
    where = ["--runbook", os.path.join(place, "tocsin.yaml"), "--state", state]
    began = time.monotonic()
    engine = subprocess.Popen([options.program, "engine", *where], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        while True:
            asked = subprocess.run(
                [options.program, "status", "--output", "json", *where], capture_output=True,
                check=False)
            if asked.stdout.startswith(b"{") and b'"health"' in asked.stdout:
                return time.monotonic() - began
            if engine.poll() is not None or time.monotonic() - began > 600:
                raise SystemExit("bench: the engine did not come up with its journal")
            time.sleep(0.005)
    finally:
        # It has had the time to write a snapshot of what it has read.
        time.sleep(0.5)
        engine.send_signal(end)
        engine.wait(60)


def journal(options, folder, bench):
    commits(options, folder, bench)
    starts(options, folder, bench)
