"""A verified backup of mixed files, beside tar with zstd and sha256sum, restic, and borg.

Verified means for everybody: taken, on the disk, read back from it and compared. Whatever a tool wrote
is forgotten by the page cache (posix_fadvise) before it checks, so that the disk is read and not the
memory. The source is in memory for all of them, and the rounds go through the tools in turn.
"""
import os
import random
import shutil
import statistics
import subprocess
import time

GIB = 1 << 30


def mixed_files(folder, total, seed=20260105):
    """Ten thousand small files, fifteen hundred middling ones and eight large ones; half of them are
    text, half cannot be compressed."""
    rand = random.Random(seed)
    words = [bytes(rand.choices(range(97, 123), k=rand.randint(2, 9))) for _ in range(4000)]
    text, noise = b" ".join(rand.choices(words, k=1 << 20)), rand.randbytes(8 << 20)
    share = total / GIB
    sizes = [rand.randint(0, 32 << 10) for _ in range(int(10_000 * share))]
    sizes += [rand.randint(64 << 10, 512 << 10) for _ in range(int(1500 * share))]
    left = total - sum(sizes)
    sizes += [left // 8] * 7 + [left - left // 8 * 7]
    for index, size in enumerate(sizes):
        place = os.path.join(folder, f"part{index % 97}", f"more{index % 7}")
        os.makedirs(place, exist_ok=True)
        pool = text if rand.random() < 0.5 else noise
        with open(os.path.join(place, f"file{index}"), "wb") as file:
            while size > 0:
                at = rand.randrange(len(pool) - 1)
                size -= file.write(pool[at:at + min(size, 1 << 20)])
    return len(sizes)


def read_all(folder):
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), "rb") as file:
                while file.read(1 << 20):
                    pass


def forget(folder):
    """Syncs what was written and has the page cache forget it."""
    os.sync()
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(argv, environment=None, folder=None):
    done = subprocess.run(argv, env=environment, cwd=folder, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(argv)}: {done.stderr.decode()[-500:]}")


class Tocsin:
    name = "tocsin"

    def __init__(self, options, folder, source, bench):
        self.program, self.source = options.program, source
        self.folder = os.path.join(folder, "tocsin")
        self.written = os.path.join(self.folder, "backups")
        self.runbook = os.path.join(os.path.dirname(source), "tocsin.yaml")
        with open(self.runbook, "w", encoding="utf-8") as file:
            file.write(f"""version: 1
service: {{ name: bench, title: Bench }}
components: {{ host: {{ title: Host, probes: {{ disk: {{ disk: {{ path: / }} }} }} }} }}
backup: {{ to: {self.folder}/backups, files: [ {os.path.basename(source)} ] }}
""")
        state = os.path.join(self.folder, "state")
        self.where = ["--runbook", self.runbook, "--state", state]
        os.makedirs(self.folder)
        self.engine = subprocess.Popen([self.program, "engine", *self.where],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        bench.wait_for("the engine", lambda: os.path.exists(os.path.join(state, "engine.sock")))

    def take(self):
        """Through the engine and its step runner; the copy is compared before this ends."""
        run([self.program, "backup", *self.where])

    def verify(self):
        run([self.program, "verify-backup", "--latest", *self.where])

    def clear(self):
        shutil.rmtree(self.written, ignore_errors=True)

    def end(self):
        self.engine.terminate()
        self.engine.wait(20)


class Tar:
    name = "tar|zstd"

    def __init__(self, options, folder, source, bench):
        self.folder, self.source = os.path.join(folder, "tar"), source
        self.written = self.folder
        os.makedirs(self.folder)

    def take(self):
        run(["bash", "-c", 'set -o pipefail; tar -C "$1" -c . | zstd -q -T2 '
             '| tee files.tar.zst | sha256sum > files.sha256; sync -f .', "x", self.source],
            folder=self.folder)

    def verify(self):
        run(["bash", "-c", "sha256sum < files.tar.zst | cmp - files.sha256 && zstd -q -t files.tar.zst"],
            folder=self.folder)

    def clear(self):
        for name in ["files.tar.zst", "files.sha256"]:
            if os.path.exists(os.path.join(self.folder, name)):
                os.remove(os.path.join(self.folder, name))

    def end(self):
        pass


class Restic:
    name = "restic"

    def __init__(self, options, folder, source, bench):
        self.repository, self.source = os.path.join(folder, "restic"), source
        self.written = self.repository
        self.environment = dict(os.environ, RESTIC_PASSWORD="bench", HOME=folder,
                                RESTIC_REPOSITORY=self.repository)

    def take(self):
        run(["restic", "backup", "--quiet", "--no-cache", self.source], self.environment)
        run(["sync", "-f", self.repository])

    def verify(self):
        run(["restic", "check", "--quiet", "--no-cache", "--read-data"], self.environment)

    def clear(self):
        shutil.rmtree(self.repository, ignore_errors=True)
        run(["restic", "init", "--quiet"], self.environment)

    def end(self):
        pass


class Borg:
    name = "borg"

    def __init__(self, options, folder, source, bench):
        self.repository, self.source = os.path.join(folder, "borg"), source
        self.written = self.repository
        self.environment = dict(os.environ, HOME=folder, BORG_REPO=self.repository,
                                BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes")

    def take(self):
        run(["borg", "create", "::bench", self.source], self.environment)
        run(["sync", "-f", self.repository])

    def verify(self):
        run(["borg", "check", "--verify-data"], self.environment)

    def clear(self):
        shutil.rmtree(self.repository, ignore_errors=True)
        run(["borg", "init", "-e", "none"], self.environment)

    def end(self):
        pass


def backups(options, folder, bench):
    total = GIB // 4 if options.quick else GIB
    source = os.path.join(folder, "backups", "source")
    os.makedirs(source)
    count = mixed_files(source, total)
    read_all(source)
    os.sync()
    print(f"A verified backup of {count} files, {total / GIB:g} GiB, beside its peers")
    tools = [kind(options, os.path.join(folder, "backups"), source, bench)
             for kind, needed in [(Tocsin, None), (Tar, "zstd"), (Restic, "restic"), (Borg, "borg")]
             if needed is None or shutil.which(needed)]
    rounds = 1 if options.quick else 3
    taken, whole, verified = ({tool.name: [] for tool in tools} for _ in range(3))
    try:
        for _ in range(rounds):
            for tool in tools:
                tool.clear()
                os.sync()
                began = time.monotonic()
                tool.take()
                middle = time.monotonic()
                forget(tool.written)
                again = time.monotonic()
                tool.verify()
                ended = time.monotonic()
                taken[tool.name].append(middle - began)
                verified[tool.name].append(ended - again)
                # Ours has read back and compared before `take` ends.
                whole[tool.name].append(
                    middle - began if tool.name == "tocsin" else middle - began + ended - again)
                tool.clear()
    finally:
        for tool in tools:
            tool.end()
    ours = statistics.median(whole["tocsin"])
    for tool in tools:
        ratio = ours / statistics.median(whole[tool.name])
        bench.report("taken, read back, compared", tool.name, bench.spread(whole[tool.name], "s")
                     + ("" if tool.name == "tocsin" else f", ours {ratio:.2f} of it"),
                     "≤ 6 s" if tool.name == "tocsin" and not options.quick else "")
    for tool in tools:
        ratio = statistics.median(verified["tocsin"]) / statistics.median(verified[tool.name])
        bench.report("verified again", tool.name, bench.spread(verified[tool.name], "s")
                     + ("" if tool.name == "tocsin" else f", ours {ratio:.2f} of it"))
    shutil.rmtree(os.path.join(folder, "backups"), ignore_errors=True)
