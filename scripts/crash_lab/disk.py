"""What a power cut leaves of a disk: what was synced, and of the rest nothing or a seeded part."""
import os
import shutil
import stat


def remember(root, image):
    """Everything that is there now is on the disk."""
    shutil.rmtree(image, ignore_errors=True)
    os.makedirs(image)
    keep_folder(root, image)


def keep_folder(path, image):
    lines = []
    with os.scandir(path) as entries:
        for entry in entries:
            info = entry.stat(follow_symlinks=False)
            target = os.readlink(entry.path) if entry.is_symlink() else ""
            lines.append(f"{info.st_ino}\t{info.st_mode:o}\t{entry.name}\t{target}\n")
            if entry.is_dir(follow_symlinks=False):
                keep_folder(entry.path, image)
            elif entry.is_file(follow_symlinks=False):
                shutil.copy2(entry.path, f"{image}/c{info.st_ino}")
    info = os.stat(path)
    name = f"{image}/d{info.st_ino}"
    with open(name, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(lines)
    os.chmod(name, info.st_mode & 0o7777)
    os.utime(name, ns=(info.st_atime_ns, info.st_mtime_ns))


def listing(name):
    """A folder's names as (inode, mode, link target); None when it was never synced."""
    try:
        with open(name, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return None
    result = {}
    for line in lines:
        inode, mode, entry, target = line.split("\t")
        result[entry] = (int(inode), int(mode, 8), target)
    return result


class Cut:
    """Makes the disk as it is after the power went.

    `some` is None when everything that was not synced is lost; else a random generator that says,
    for each folder and each block of each file, whether it had come to the disk by itself.
    """

    def __init__(self, root, image, some=None):
        self.root, self.image, self.some = root, image, some
        self.present = {}
        for folder, folders, files in os.walk(root):
            self.present[os.stat(folder).st_ino] = folder
            for name in files + folders:
                path = os.path.join(folder, name)
                self.present[os.lstat(path).st_ino] = path

    def make(self):
        new = self.root + ".after"
        shutil.rmtree(new, ignore_errors=True)
        self.folder(os.stat(self.root).st_ino, 0o755, new)
        shutil.rmtree(self.root)
        os.rename(new, self.root)

    def folder(self, inode, mode, path):
        os.mkdir(path)
        kept = listing(f"{self.image}/d{inode}")
        entries = kept or {}
        if self.some and inode in self.present and self.some.random() < 0.5:
            entries = self.names_now(self.present[inode])
        for name, (below, kind, target) in sorted(entries.items()):
            there = os.path.join(path, name)
            if stat.S_ISDIR(kind):
                self.folder(below, kind, there)
            elif stat.S_ISLNK(kind):
                os.symlink(target, there)
            elif stat.S_ISREG(kind):
                self.file(below, kind, there)
        os.chmod(path, stat.S_IMODE(mode))
        if kept is not None:
            shutil.copystat(f"{self.image}/d{inode}", path)

    @staticmethod
    def names_now(path):
        result = {}
        with os.scandir(path) as entries:
            for entry in entries:
                info = entry.stat(follow_symlinks=False)
                target = os.readlink(entry.path) if entry.is_symlink() else ""
                result[entry.name] = (info.st_ino, info.st_mode, target)
        return result

    def file(self, inode, mode, path):
        kept = f"{self.image}/c{inode}"
        old = None
        if os.path.exists(kept):
            with open(kept, "rb") as file:
                old = file.read()
        content = old or b""
        if self.some and inode in self.present:
            with open(self.present[inode], "rb") as file:
                content = self.mixed(content, file.read())
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, stat.S_IMODE(mode))
        if old is not None:
            shutil.copystat(kept, path)

    def mixed(self, old, new):
        """Some blocks of 4096 bytes are new, some are old; the length is one of the two."""
        if old == new or self.some.random() < 0.25:
            return old
        if self.some.random() < 0.33:
            return new
        size = self.some.choice([len(old), len(new)])
        blocks = bytearray()
        for place in range(0, size, 4096):
            source = self.some.choice([old, new])
            blocks += source[place:place + 4096].ljust(min(4096, size - place), b"\0")
        return bytes(blocks[:size])
