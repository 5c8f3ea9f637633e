"""Which lives there are: every point that a life without faults comes to, with every fault that can
happen there; and points that only an engine comes to which follows a dead one."""
import os
import random
import sqlite3
from typing import NamedTuple

from .life import Life, Point, Strike

KILLS = ["kill-engine", "kill-runner", "kill-both"]
POWER = ["power", "power-some"]


class Case(NamedTuple):
    story: str
    strikes: tuple
    seed: int

    def line(self):
        """What a person types to repeat this life."""
        parts = [self.story] + [f"{strike.point} = {strike.fault}" for strike in self.strikes]
        return f"scripts/crash --only '{' | '.join(parts)}' --seed {self.seed}"


class Seen(NamedTuple):
    """A point of a life that was watched."""
    point: Point
    kind: str
    runner_lives: bool


def read(text, stories, seed):
    """The case that `line` has printed."""
    story, *parts = [part.strip() for part in text.split(" | ")]
    strikes = []
    for part in parts:
        place, fault = part.rsplit(" = ", 1)
        who, name = place.split(": ", 1)
        number = 1
        if " #" in name and name.rsplit(" #", 1)[1].isdigit():
            name, last = name.rsplit(" #", 1)
            number = int(last)
        strikes.append(Strike(Point(who, name, number), fault))
    return Case(next(one for one in stories if one.name == story).name, tuple(strikes), seed)


def watched(world):
    """Every point of the life that has just been lived with its trace on, in order."""
    events = events_of(world.root + "/state/journal.db")
    seen, unnamed, last, runner = [], [], 0, False
    with open(world.trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            who, name, number, data = line.rstrip("\n").split("\t")
            point = Point(who, name, int(number))
            if who.startswith("runner"):
                runner = name != "exit"
            seen.append([point, kind(name), runner])
            if who.startswith("engine") and "/journal.db-wal" in name:
                unnamed.append(seen[-1])
            if data.strip().isdigit():
                label = journal_kind(events[last:int(data)])
                for entry in unnamed:
                    if label and entry[1] in ("journal write", "journal sync"):
                        entry[1] = label
                unnamed, last = [], int(data)
    return [Seen(*entry) for entry in seen]


def events_of(path):
    """The kinds of the journal's events, with a word for the first step of a stage."""
    journal = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = journal.execute("SELECT kind, body FROM events ORDER BY seq").fetchall()
    finally:
        journal.close()
    return ["stage-began" if kind == "step-started" and '"step":0' in body else kind
            for kind, body in rows]


def journal_kind(kinds):
    """What a write of the journal is about; none: nothing special."""
    for words, label in [(("rollback-requested", "rollback-approved"), "approval"),
                         (("undo-started",), "undo"), (("stage-began",), "stage border")]:
        if any(kind in words for kind in kinds):
            return label
    return None


def kind(name):
    if "/journal.db" in name:
        return "journal sync" if name.startswith("sync") else "journal write"
    if name in ("start a process", "started a process", "fork", "run the program", "open the gate"):
        return "process start"
    if name in ("read an exit status", "exit"):
        return "exit status"
    if name == "answer a command":
        return "answer"
    verb = name.split(" ", 1)[0]
    if " backups/" in name:
        return "backup " + {"rename": "rename", "sync": "sync"}.get(verb, "write")
    return {"sync": "sync", "rename": "rename", "remove": "removal", "lock": "lock"}.get(
        verb, "file write")


def faults_at(seen):
    """What can happen at a point."""
    name = seen.point.name
    verb = name.split(" ", 1)[0]
    faults = ["kill-engine", "kill-both"] + (["kill-runner"] if seen.runner_lives else [])
    if name == "answer a command" or verb == "lock":
        return faults + POWER
    takes_space = verb in ("write", "create", "make", "reserve", "link")
    if takes_space:
        faults += ["no-space", "no-space-once"]
    if verb in ("rename",):
        faults += ["no-space-once"]
    if takes_space or verb in ("sync", "rename", "remove", "truncate", "open") \
            or name in ("start a process", "fork"):
        if name != "open the gate":
            faults += ["io-error"]
    if verb == "write":
        faults += ["torn-write", "short-write"]
    if verb == "sync":
        faults += ["lost-sync", "lying-sync"]
    return faults + POWER


def watch(world, story, strikes=(), seed=0):
    life = Life(world, story, list(strikes), seed, trace=True)
    life.live()
    return watched(world)


def single(stories, world):
    """Every point of every story with every fault."""
    cases, kinds = [], {}
    for story in stories:
        for seen in watch(world, story):
            kinds[seen.point] = seen.kind
            cases += [(Case(story.name, (Strike(seen.point, fault),), 1), seen.kind)
                      for fault in faults_at(seen)]
    return cases


def double(stories, world, firsts, wanted, generator):
    """Lives that are struck again while they recover."""
    cases = []
    firsts = [case for case, _ in firsts if case.strikes[0].fault in KILLS + POWER]
    generator.shuffle(firsts)
    by_name = {story.name: story for story in stories}
    for first in firsts:
        if len(cases) >= wanted:
            break
        try:
            seen = watch(world, by_name[first.story], first.strikes, first.seed)
        except Exception:  # noqa: BLE001 - it is counted where it is lived by itself
            continue
        after = [one for one in seen if one.point.who == "engine 2"]
        since = seen.index(after[0]) if after else len(seen)
        after = [one for one in seen[since:] if one.point != first.strikes[0].point]
        generator.shuffle(after)
        for one in after[:60]:
            possible = [fault for fault in faults_at(one) if not fault.endswith("sync")]
            fault = generator.choice(possible)
            cases.append((Case(first.story, (*first.strikes, Strike(one.point, fault)), first.seed),
                          one.kind + " of a recovery"))
    return cases[:wanted]


def sampled(cases, count, generator):
    """A part of the lives in which every kind of point and every fault has its share."""
    groups = {}
    for case in cases:
        groups.setdefault((case[1], case[0].strikes[0].fault), []).append(case)
    for group in groups.values():
        generator.shuffle(group)
    order = sorted(groups)
    generator.shuffle(order)
    chosen = []
    while len(chosen) < count and any(groups.values()):
        for key in order:
            if groups[key] and len(chosen) < count:
                chosen.append(groups[key].pop())
    return chosen


def generator(seed):
    return random.Random(seed)


def scratch():
    """Where the lives are lived: in memory where there is a place for that."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
