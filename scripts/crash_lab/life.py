"""One life: an engine is started, told what to do, struck by its fault, and followed by new engines
until the rollback has come to its proper end; then the world is judged."""
import ctypes
import json
import os
import pwd
import random
import signal
import socket
import sqlite3
import subprocess
import time
from typing import NamedTuple

from . import disk, story as stories
from .control import Control

PATIENCE = 30.0   # seconds after which a life is stuck, if nobody in it has anything to do
LONGEST = 900.0   # seconds after which it is in any case
MOST_ENGINES = 12  # engines that a life may need
LOSING = {"power", "power-some", "lost-sync", "lying-sync"}  # what was not synced may go
US = os.geteuid()
SECOND = pwd.getpwnam("nobody").pw_uid  # the second administrator


class Point(NamedTuple):
    """A place where something can happen: who comes to it, its name, and the how manieth of that."""
    who: str
    name: str
    number: int

    def __str__(self):
        return f"{self.who}: {self.name}" + (f" #{self.number}" if self.number > 1 else "")


class Strike(NamedTuple):
    point: Point
    fault: str


class Wrong(Exception):
    """The life ended wrong."""


class Told(Exception):
    """The engine says that the disk has lost what it had said to hold, and does nothing."""


class Gone(Exception):
    """The engine is not there any more."""


class World:
    """A worker's folder: the disk of its lives, and beside it what no power cut takes away."""

    def __init__(self, folder, library, program):
        self.folder, self.library, self.program = folder, library, program
        self.root = folder + "/disk"
        self.evidence = folder + "/evidence"
        self.image = folder + "/image"
        self.trace = folder + "/trace"
        self.log = folder + "/engine.log"
        self.templates = folder + "/templates"
        os.makedirs(self.templates)
        self.control = Control(folder + "/control")
        # Whoever loses its parent becomes ours, so that nothing of a life outlives it.
        ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        self.ended = {}

    # ---- Templates: the world before a story ----

    def prepare(self, story):
        source = f"{self.templates}/{story.after or 'before-' + story.name}"
        if not os.path.isdir(source):
            if story.after is None:
                os.makedirs(source)
                stories.lay_out(source, story.stages)
            else:
                before = next(one for one in stories.STORIES if one.name == story.after)
                life = Life(self, before, [], 0)
                life.live()
                stories.copy(self.root, source)
                os.replace(self.evidence, source + ".evidence")
        stories.copy(source, self.root)
        with open(self.evidence, "wb") as file:
            if os.path.exists(source + ".evidence"):
                with open(source + ".evidence", "rb") as before:
                    file.write(before.read())

    # ---- Processes ----

    def start(self, generation):
        self.control["engine"] = 0
        self.control["generation"] = generation
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self.folder,
            "LD_PRELOAD": self.library, "CRASH_CONTROL": self.control.path,
            "CRASH_EVIDENCE": self.evidence}
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        pid = os.posix_spawn(
            self.program,
            [self.program, "engine", "--runbook", self.root + "/service/tocsin.yaml", "--state",
             self.root + "/state"], environment, setsid=True,
            file_actions=[(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)])
        os.close(log)
        return pid

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.ended[pid] = status

    def has_ended(self, pid):
        self.reap()
        return pid in self.ended

    def offspring(self):
        """Every process of the life: children and their children."""
        found, waiting = [], [os.getpid()]
        while waiting:
            pid = waiting.pop()
            try:
                for thread in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                        waiting += (below := [int(word) for word in file.read().split()])
                        found += below
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def is_busy(self):
        """Whether any process of the life works, or waits for a processor or the disk."""
        for pid in self.offspring():
            try:
                for thread in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii",
                              errors="replace") as file:
                        if file.read().rsplit(")", 1)[1].split()[0] in "RD":
                            return True
            except (FileNotFoundError, ProcessLookupError):
                continue
        return False

    def end_all(self):
        while True:
            self.reap()
            left = self.offspring()
            if not left:
                return
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.0005)

    # ---- Talking ----

    def ask(self, method, path, body=None, user=US):
        """The status and the body of an answer to a user, who is known by connecting.
        Raises Gone when there is none."""
        data = b"" if body is None else json.dumps(body).encode()
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(10)
                try:
                    if user != US:
                        os.seteuid(user)
                    link.connect(self.root + "/state/engine.sock")
                finally:
                    if user != US:
                        os.seteuid(US)
                link.sendall(
                    (f"{method} {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n"
                     f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
                     ).encode() + data)
                answer = b""
                while part := link.recv(65536):
                    answer += part
        except OSError as error:
            raise Gone(str(error)) from error
        head, separator, text = answer.partition(b"\r\n\r\n")
        try:
            return int(head.split()[1]), json.loads(text)
        except (IndexError, ValueError) as error:
            raise Gone("an answer that was cut off") from error

    def call(self, *arguments):
        """Runs a command of the program beside the engine."""
        done = subprocess.run(
            [self.program, *arguments, "--state", self.root + "/state", "--runbook",
             self.root + "/service/tocsin.yaml"], capture_output=True, text=True, timeout=30,
            env={"PATH": "/usr/bin:/bin", "HOME": self.folder}, check=False)
        return done.returncode, (done.stdout + done.stderr).strip()


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read().replace("\0", " ").strip()
    except OSError:
        return str(pid)


def unknown(procedure):
    """The steps of which nobody knows what became of them."""
    return [step["name"] for stage in procedure["stages"] for step in stage["steps"]
            if step["state"] == "unknown"]


class Life:
    def __init__(self, world, story, strikes, seed, trace=False):
        self.world, self.story, self.strikes, self.trace = world, story, strikes, trace
        self.random = random.Random(seed)
        self.generation = 0
        self.began = self.deadline = 0
        self.refusals = 0
        self.acknowledged = []
        self.interventions = []
        self.space_out_since = None
        self.had_unknown = False
        self.has_paused = False

    @property
    def disk_lies(self):
        return any(strike.fault == "lying-sync" for strike in self.strikes)

    # ---- The life ----

    def live(self):
        """How it ended: a word for the table. Raises Wrong."""
        world, control = self.world, self.world.control
        world.end_all()
        world.ended.clear()
        world.prepare(self.story)
        for path in (world.trace, world.log):
            if os.path.exists(path):
                os.unlink(path)
        control.clear()
        control["root"] = world.root
        control["image"] = world.image
        control["trace_file"] = world.trace
        control["trace"] = int(self.trace)
        for index, strike in enumerate(self.strikes):
            delay = self.random.randint(1, 60)
            control.set_point(index, strike.point, strike.fault, delay)
        if any(strike.fault in LOSING for strike in self.strikes):
            control["keep_image"] = 1
            disk.remember(world.root, world.image)
        self.began = time.monotonic()
        self.deadline = self.began + PATIENCE
        try:
            self.engines()
            word = self.judge()
        except Told:
            word = "damage told"
        finally:
            world.end_all()
        return word

    def engines(self):
        """One engine after the other, until the story is at its end."""
        world = self.world
        while True:
            self.generation += 1
            if self.generation > MOST_ENGINES:
                raise Wrong(f"{MOST_ENGINES} engines did not bring it to its end")
            pid = world.start(self.generation)
            try:
                self.wait_until_up(pid)
                self.operate(pid)
                self.stop(pid)
                return
            except Gone:
                self.wait_for_end(pid)
            if world.control["power_is_off"]:
                self.cut_power()

    def wait_until_up(self, pid):
        while True:
            try:
                if self.world.ask("GET", "/healthz")[0] == 200:
                    return
            except Gone:
                pass
            self.check_time("the engine does not answer")
            if self.world.has_ended(pid):
                self.note_refusal(pid)
                raise Gone("at its start")
            time.sleep(0.003)

    def note_refusal(self, pid):
        """An engine that ends by itself must have been struck by a fault; one that refuses for
        ever is wrong, and so is one that crashes."""
        status = self.world.ended[pid]
        if os.WIFSIGNALED(status):
            if os.WTERMSIG(status) != signal.SIGKILL:
                raise Wrong(f"the engine died of signal {os.WTERMSIG(status)}: {self.last_words()}")
            return
        self.world.control["space_is_out"] = 0
        self.refusals += 1
        if self.disk_lies and "is damaged: " in self.last_words():
            raise Told
        if self.refusals > 3:
            raise Wrong(f"the engine refuses to start: {self.last_words()}")

    def last_words(self):
        with open(self.world.log, encoding="utf-8", errors="replace") as file:
            return file.read().strip()[-500:]

    def wait_for_end(self, pid):
        """Whoever does not answer any more is dead, or about to be."""
        end = time.monotonic() + 5
        while not self.world.has_ended(pid):
            if self.world.control["power_is_off"] or time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
        status = self.world.ended[pid]
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            raise Wrong(f"the engine died of signal {os.WTERMSIG(status)}: {self.last_words()}")

    def cut_power(self):
        world = self.world
        world.end_all()
        some = self.random if any(s.fault == "power-some" for s in self.strikes) else None
        disk.Cut(world.root, world.image, some).make()
        disk.remember(world.root, world.image)
        world.control["power_is_off"] = 0
        world.control["power_in"] = 0
        world.control["space_is_out"] = 0
        world.control["engine"] = 0
        world.control["runner"] = 0
        boot = f"{world.folder}/boot-{self.generation}"
        with open(boot, "w", encoding="ascii") as file:
            file.write(f"{self.random.getrandbits(32):08x}-0000-4000-8000-000000000000\n")
        world.control["boot"] = boot

    def check_time(self, what):
        now = time.monotonic()
        if now < self.deadline:
            return
        if now < self.began + LONGEST and self.world.is_busy():
            # The machine has others to serve; whoever waits for a processor is not stuck.
            self.deadline = now + PATIENCE / 3
            return
        raise Wrong(f"stuck: {what}")

    # ---- The operator ----

    def operate(self, pid):
        """Does what an operator would do, until the rollback is where the story ends."""
        while True:
            if self.world.control["power_is_off"]:
                raise Gone("no power")
            status, now = self.world.ask("GET", "/v1/situation")
            if status != 200:
                raise Wrong(f"GET /v1/situation: {status} {now}")
            if now["alarms"] or self.world.control["space_is_out"]:
                self.make_space(now)
            procedure = now["procedure"] or now["rollback"]
            state = procedure["state"] if procedure else None
            if state == self.story.end and not unknown(procedure):
                self.rollback = procedure
                return
            self.decide(now, procedure, state)
            self.check_time(procedure and f"{state} {procedure['message']}")
            time.sleep(0.006)

    def decide(self, now, procedure, state):
        if now.get("request"):
            self.command({"command": "approve-rollback"}, SECOND)
        elif state == self.story.start and not (procedure and unknown(procedure)):
            self.command(self.story.begin)
        elif state == "waiting":
            self.answer(procedure)
        elif state == "paused":
            self.command({"command": "resume-rollback"})
        elif state == "failed":
            self.meet(procedure)
            self.command(self.story.again)
        elif state not in ("running", "undoing"):
            raise Wrong(f"the rollback is {state}: {procedure['message']}")
        elif self.story.pauses and not self.has_paused:
            self.has_paused = True
            self.command({"command": "pause-rollback"})

    def make_space(self, now):
        """Somebody makes space as soon as the trouble shows, or after a while."""
        self.space_out_since = self.space_out_since or time.monotonic()
        if now["alarms"] or time.monotonic() - self.space_out_since > 0.3:
            self.world.control["space_is_out"] = 0

    def meet(self, procedure):
        """Without a fault nothing may wait or fail."""
        self.world.control["space_is_out"] = 0
        self.interventions.append(f"{procedure['state']}: {procedure['message']}")
        if not self.strikes:
            raise Wrong(f"{procedure['state']} without any fault: {procedure['message']}")
        if len(self.interventions) > 8:
            if self.disk_lies:
                raise Told
            raise Wrong(f"it goes on and on: {self.interventions[-1]}")

    def answer(self, procedure):
        """Agrees where that is asked; says of an unknown step what became of it."""
        if not (names := unknown(procedure)):
            self.command({"command": "resolve-step", "name": "done"})
            return
        self.meet(procedure)
        if len(names) != 1:
            raise Wrong(f"{names} are unknown: {procedure['message']}")
        self.had_unknown = True
        done = stories.was_done(
            names[0], "taken back" in procedure["message"], self.world, procedure["id"])
        self.command({"command": "resolve-step", "name": "done" if done else "again"})

    def command(self, body, user=US):
        status, answer = self.world.ask("POST", "/v1/commands", body, user)
        if status == 200:
            self.acknowledged += [(event["seq"], event["kind"]) for event in answer["events"]]
        elif status == 503:
            self.world.control["space_is_out"] = 0
        elif status != 409:
            raise Wrong(f"{body['command']}: {status} {answer}")

    def stop(self, pid):
        """SIGTERM; it may be struck on its way out too."""
        os.kill(pid, signal.SIGTERM)
        while not self.world.has_ended(pid):
            self.check_time("the engine does not stop")
            time.sleep(0.001)
        status = self.world.ended[pid]
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            raise Wrong(f"the engine died of signal {os.WTERMSIG(status)}: {self.last_words()}")
        if os.WIFSIGNALED(status) or self.world.control["power_is_off"]:
            raise Gone("killed while it ended")

    # ---- The judge ----

    def judge(self):
        world, rollback = self.world, self.rollback
        # A runner may outlive its outcome by a moment.
        end = time.monotonic() + 5
        while world.offspring() and time.monotonic() < end:
            world.reap()
            time.sleep(0.002)
        if left := world.offspring():
            raise Wrong(f"processes are left: {[command_line(pid) for pid in left]}")
        if self.strikes and not world.control.reached(0):
            return "not reached"
        faults = []
        if not self.disk_lies:
            faults += self.world_faults()
        status, said = world.call("events", "--verify")
        if status != 0:
            faults.append(f"events --verify: {said}")
        if faults:
            raise Wrong("; ".join(faults))
        if self.had_unknown:
            return "asked"
        return "by hand" if self.interventions else "by itself"

    def world_faults(self):
        """What is not as it must be. Nobody can promise that on a disk which says that it has
        written what it has not; there, the rollback still comes to its end, and the journal is
        whole."""
        world, rollback = self.world, self.rollback
        found = stories.marks(world.evidence, rollback["id"])
        for mark in sorted({*found, *self.story.marks}):
            done, wanted = found.get(mark, 0), self.story.marks.get(mark, 0)
            if done != wanted:
                yield f"“{mark}” was done {done} times, not {wanted}"
        yield from stories.service_faults(self.story, world)
        yield from stories.backup_faults(world, rollback["backup"])
        yield from self.journal_faults()
        if any("backups/" in strike.point.name for strike in self.strikes):
            status, said = world.call("verify-backup", rollback["backup"] or "none")
            if status != 0:
                yield f"verify-backup: {said}"

    def journal_faults(self):
        """What was acknowledged must be there."""
        journal = sqlite3.connect(f"file:{self.world.root}/state/journal.db?mode=ro", uri=True)
        try:
            for seq, kind in self.acknowledged:
                row = journal.execute("SELECT kind FROM events WHERE seq = ?", [seq]).fetchone()
                if not row or row[0] != kind:
                    yield f"event {seq} ({kind}) was acknowledged and is {row and row[0]} now"
        finally:
            journal.close()
