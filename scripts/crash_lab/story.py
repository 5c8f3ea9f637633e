"""The service of the crash matrix, what is done to it, and what must be true of it afterwards."""
import os
import pwd
import shutil
import sqlite3
import stat
from typing import NamedTuple

RUNBOOK = """\
version: 1
service: { name: lab, title: The lab, timezone: UTC }
people:
  first: { name: The first administrator, user: US }
  second: { name: The second administrator, user: nobody }
roles:
  administrator: { members: [first, second] }
data_sources:
  main: { sqlite: { path: data.db } }
components:
  host: { title: Host, probes: { disk: { disk: { path: / }, every: 1h } } }
backup:
  to: ../backups
  keep: { last: 3 }
  files: [ .env, page.html, unified.txt, static ]
  databases: [ main ]
rollback:
  to: the old pages
  authorization:
    planned: { needs: { administrator: 1 } }
    maintenance: { needs: { administrator: 2 } }
  preflight:
    - { name: Backup, backup: verified }
  stages:
"""
# Every kind of step whose end matters to the disk.
LONG = """\
    - name: Service shutdown
      steps:
        - { name: Close, run: [bin/mark, close], undo: { run: [bin/mark, unclose] } }
    - name: Component removal
      steps: [ { name: Remove, remove: [ unified.txt, static ] } ]
    - name: Legacy restoration
      steps:
        - { name: Restore, restore: { from: copy, folder: legacy, paths: [ page.html, new ] } }
    - name: Database rollback
      steps:
        - { name: Agree, confirm: May the ledger be changed? }
        - name: Ledger
          sql: { source: main, run: [ "INSERT INTO ledger(what) VALUES ('rolled back')" ] }
          undo: { restore_database: main }
    - name: Configuration update
      steps: [ { name: Settings, edit: { file: .env, delete_lines: [ UNIFIED ] } } ]
    - name: Service restart
      steps:
        - { name: Open, shell: 'bin/mark open', undo: { run: [bin/mark, unopen] } }
    - name: Validation
      steps:
        - { name: Rows, sql: { source: main, query: "SELECT COUNT(*) FROM ledger", equals: 21 } }
"""
# What people do beside the steps: agreeing, pausing, going on.
SHORT = """\
    - name: Service shutdown
      steps:
        - { name: Close, run: [bin/mark, close], undo: { run: [bin/mark, unclose] } }
    - { name: Component removal, steps: [ { name: Look, assess: true } ] }
    - { name: Legacy restoration, steps: [ { name: Look, assess: true } ] }
    - { name: Database rollback, steps: [ { name: Look, assess: true } ] }
    - { name: Configuration update, steps: [ { name: Wait, wait: 10ms } ] }
    - name: Service restart
      steps:
        - { name: Open, shell: 'bin/mark open', undo: { run: [bin/mark, unopen] } }
    - { name: Validation, steps: [ { name: Look, assess: true } ] }
"""
MARK = """\
#!/bin/sh
echo "$TOCSIN_PROCEDURE $1" >> "$CRASH_EVIDENCE"
"""
BEFORE = {".env": "A=1\nUNIFIED=1\nB=2\n", "page.html": "unified\n", "unified.txt": "unified\n",
          "static/a.js": "unified\n", "static/b/c.js": "unified\n"}
AFTER = {".env": "A=1\nB=2\n", "page.html": "legacy\n", "new/legacy.html": "legacy\n"}
LEGACY = {"legacy/page.html": "legacy\n", "legacy/new/legacy.html": "legacy\n"}
ROWS = [f"row {number}" for number in range(20)]
# What each step that is not repeatable leaves as evidence, forward and when it is taken back.
MARKS = {"Close": ("close", "unclose"), "Open": ("open", "unopen")}


def lay_out(root, stages):
    """The service as it is before anything happened."""
    service = root + "/service"
    runbook = RUNBOOK.replace("user: US", "user: " + pwd.getpwuid(os.geteuid()).pw_name) + stages
    for path, text in {**BEFORE, **LEGACY, "tocsin.yaml": runbook, "bin/mark": MARK}.items():
        os.makedirs(os.path.dirname(f"{service}/{path}"), exist_ok=True)
        with open(f"{service}/{path}", "w", encoding="utf-8") as file:
            file.write(text)
    os.chmod(f"{service}/bin/mark", 0o755)
    os.mkdir(root + "/backups")
    database = sqlite3.connect(f"{service}/data.db")
    database.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, what TEXT)")
    database.executemany("INSERT INTO ledger(what) VALUES (?)", [(row,) for row in ROWS])
    database.commit()
    database.close()


class Story(NamedTuple):
    """What is asked for, and how it must end."""
    name: str
    # The command that begins it.
    begin: dict
    # The state in which the rollback comes to rest.
    end: str
    stages: str = LONG
    # The story whose end is this one's beginning.
    after: str = None
    # Somebody pauses it once.
    pauses: bool = False
    # How often each step has left its mark at the end.
    marks: dict = {"close": 1, "open": 1}
    files: dict = AFTER
    rows: list = [*ROWS, "rolled back"]

    @property
    def start(self):
        """The state in which the rollback is before."""
        return next((one.end for one in STORIES if one.name == self.after), None)

    @property
    def again(self):
        """What an operator says when it has failed."""
        undoes = self.begin["command"] == "undo-rollback"
        return self.begin if undoes else {"command": "resume-rollback"}


ROLLBACK = {"command": "rollback", "reason": "the crash matrix", "authorization": "planned",
            "confirmation": "lab"}
# A whole rollback and its undo in four parts, each of which begins where another ends.
STORIES = [
    Story("shut down", ROLLBACK, "waiting", marks={"close": 1}, rows=ROWS,
          files={**AFTER, ".env": BEFORE[".env"]}),
    Story("go on", {"command": "resolve-step", "name": "done"}, "succeeded", after="shut down"),
    Story("undo a part", {"command": "undo-rollback", "stage": "Database rollback"}, "paused",
          after="go on", marks={"close": 1, "open": 1, "unopen": 1}, rows=ROWS,
          files={**AFTER, ".env": BEFORE[".env"]}),
    Story("undo the rest", {"command": "undo-rollback"}, "undone", after="undo a part",
          marks={"close": 1, "open": 1, "unclose": 1, "unopen": 1}, files=BEFORE, rows=ROWS),
    Story("forward again", {"command": "resume-rollback"}, "succeeded", after="undo a part",
          marks={"close": 1, "open": 2, "unopen": 1}),
    Story("approval", {**ROLLBACK, "authorization": "maintenance"}, "succeeded", stages=SHORT,
          pauses=True, files=BEFORE, rows=ROWS),
]


# ---- Looking at the world ----

def rows(path):
    """What the ledger holds; None when the file is no whole database. Opened for writing, because a
    transaction that was cut off is taken back by whoever opens the database next."""
    try:
        database = sqlite3.connect(f"file:{path}?mode=rw", uri=True)
        try:
            if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                return None
            return [row[0] for row in database.execute("SELECT what FROM ledger ORDER BY id")]
        finally:
            database.close()
    except sqlite3.Error:
        return None


def marks(evidence, procedure):
    found = {}
    with open(evidence, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if len(words) == 2 and words[0] == procedure:
                found[words[1]] = found.get(words[1], 0) + 1
    return found


def files(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, encoding="utf-8", errors="replace") as file:
                    found[os.path.relpath(path, folder)] = file.read()
    return found


def was_done(step, undoing, world, procedure):
    """What an operator finds who looks whether a step was done, or taken back."""
    if step in MARKS:
        forward, back = MARKS[step]
        found = marks(world.evidence, procedure)
        since = found.get(forward, 0) - found.get(back, 0)
        return since == (0 if undoing else 1)
    if step == "Ledger":
        return ("rolled back" in (rows(world.root + "/service/data.db") or [])) != undoing
    return False


def service_faults(story, world):
    """Sentences about what is not as it must be in the service's own folder."""
    folder = world.root + "/service"
    wanted = story.files
    found = files(folder)
    for path in ("tocsin.yaml", "bin/mark", "data.db", ".tocsin-lab.lock", *LEGACY):
        found.pop(path, None)
    for path in sorted(set(wanted) | set(found)):
        if path.startswith("data.db-"):
            continue
        if found.get(path) != wanted.get(path):
            yield f"{path} is {found.get(path)!r} and not {wanted.get(path)!r}"
    if (ledger := rows(folder + "/data.db")) != story.rows:
        yield f"the ledger holds {ledger and ledger[19:]}"


def backup_faults(world, backup):
    """Whether the backup holds what was there before."""
    folder = f"{world.root}/backups/{backup}"
    if not backup or not os.path.isdir(folder):
        yield f"the backup {backup} is not there"
        return
    found = files(folder + "/files")
    found.pop("tocsin.yaml", None)  # the runbook is always kept
    if found != BEFORE:
        yield f"the backup holds {found}"
    if rows(folder + "/databases/main.sqlite") != ROWS:
        yield "the backup's ledger is not what it was"


def copy(source, target):
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
