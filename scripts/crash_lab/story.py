"""The service of the crash matrix, what is done to it, and what must be true of it afterwards."""
import os
import shutil
import sqlite3
import stat

RUNBOOK = """\
version: 1
service: { name: lab, title: The lab, timezone: UTC }
people:
  admin: { name: The administrator, user: root }
roles:
  administrator: { members: [admin] }
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
  preflight:
    - { name: Backup, backup: verified }
  stages:
    - name: Service shutdown
      steps:
        - { name: Close, run: [bin/mark, close], undo: { run: [bin/mark, unclose] } }
    - name: Component removal
      steps: [ { name: Remove, remove: [ unified.txt, static ] } ]
    - name: Legacy restoration
      steps: [ { name: Restore, restore: { from: copy, folder: legacy, paths: [ page.html, new ] } } ]
    - name: Database rollback
      steps:
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


def lay_out(root):
    """The service as it is before anything happened."""
    service = root + "/service"
    for path, text in {**BEFORE, **LEGACY, "tocsin.yaml": RUNBOOK, "bin/mark": MARK}.items():
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


class Story:
    """`begin` is the command that starts it, `end` the state in which the rollback must come to rest."""

    def __init__(self, name, begin, end, after=None, pauses=False):
        self.name, self.begin, self.end, self.after, self.pauses = name, begin, end, after, pauses

    def marks(self):
        """How often each step must have left its mark at the end."""
        forward = {mark: 1 for mark, _ in MARKS.values()}
        back = {mark: 1 if self.end == "undone" else 0 for _, mark in MARKS.values()}
        return {**forward, **back}


ROLLBACK = {"command": "rollback", "reason": "the crash matrix", "authorization": "planned",
            "confirmation": "lab"}
STORIES = [
    Story("rollback", ROLLBACK, "succeeded"),
    Story("undo", {"command": "undo-rollback"}, "undone", after="rollback"),
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
    """What an operator finds who looks whether a step was done."""
    if step in MARKS:
        return marks(world.evidence, procedure).get(MARKS[step][1 if undoing else 0], 0) > 0
    if step == "Ledger" and not undoing:
        return "rolled back" in (rows(world.root + "/service/data.db") or [])
    return False


def service_faults(story, world):
    """Sentences about what is not as it must be in the service's own folder."""
    folder = world.root + "/service"
    wanted = BEFORE if story.end == "undone" else AFTER
    found = files(folder)
    for path in ("tocsin.yaml", "bin/mark", "data.db", *LEGACY):
        found.pop(path, None)
    for path in sorted(set(wanted) | set(found)):
        if path.startswith("data.db-"):
            continue
        if found.get(path) != wanted.get(path):
            yield f"{path} is {found.get(path)!r} and not {wanted.get(path)!r}"
    wanted_rows = ROWS + ([] if story.end == "undone" else ["rolled back"])
    if rows(folder + "/data.db") != wanted_rows:
        yield f"the ledger holds {(rows(folder + '/data.db') or ['nothing'])[19:]}"


def backup_faults(world, backup):
    """Whether the backup holds what was there before."""
    folder = f"{world.root}/backups/{backup}"
    if not backup or not os.path.isdir(folder):
        yield f"the backup {backup} is not there"
        return
    found = files(folder + "/files")
    if found != BEFORE:
        yield f"the backup holds {found}"
    if rows(folder + "/databases/main.sqlite") != ROWS:
        yield "the backup's ledger is not what it was"


def copy(source, target):
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
