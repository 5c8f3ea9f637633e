/* Loaded into the engine and its step runners: gives every call that changes the disk, starts or ends a
   process, or answers an operator a name, and at one of them does what the life's fault says.

   What it is told stands in a file that the harness and all processes of a life share (struct control,
   laid out as in crash_lab/control.py). A call is known by who makes it, its name and its number among
   calls of that name: `runner 1-0-1`, `rename runs/…/1-0-1/outcome.json`, 1.

   With `keep_image` it also keeps a picture of what the disk is sure to hold: a file's bytes and a folder's
   names as they were when they were last synced. From it the harness makes the disk after a power cut. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POINTS = 4, SLOTS = 32768 };
enum action {
    NOTHING, KILL_ENGINE, KILL_RUNNER, KILL_BOTH, NO_SPACE, NO_SPACE_ONCE, IO_ERROR, TORN, SHORT_WRITE,
    LOST_SYNC, LYING_SYNC, POWER
};
struct point {
    char who[64];
    char name[184];
    int32_t number;
    int32_t action;
    int32_t parameter; /* of a sync: how many calls later the power goes */
    _Atomic int32_t reached;
};
struct slot { _Atomic uint64_t key; _Atomic int32_t count; };
struct control {
    _Atomic int32_t engine, runner; /* process ids; 0: none */
    int32_t generation;             /* the how manieth engine of this life */
    _Atomic int32_t space_is_out;
    _Atomic int32_t power_in;       /* calls until the power goes; 0: it stays */
    _Atomic int32_t power_is_off;
    int32_t keep_image, trace;
    char root[128], image[128], trace_file[128], boot[64];
    struct point points[POINTS];
    struct slot slots[SLOTS];
};

static struct control *control;
static char me[64];
static pid_t my_pid;
static enum { STRANGER, ENGINE, READY, RUNNER } role; /* READY: forks a runner for each step */
static int trace_file = -1;
static __thread int busy; /* our own calls are no points */

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/* ---- Beginning ---- */

__attribute__((constructor)) static void begin(int count, char **arguments) {
    const char *path = getenv("CRASH_CONTROL");
    if (!path || count < 2) return;
    const char *verb = arguments[1];
    int is_engine = !strcmp(verb, "engine"), is_runner = !strcmp(verb, "step-runner");
    if (!is_engine && !is_runner) return;
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (memory == MAP_FAILED) return;
    control = memory;
    my_pid = getpid();
    if (is_runner && count > 2 && !strcmp(arguments[2], "--ready")) {
        snprintf(me, sizeof me, "ready runner");
        role = READY;
    } else if (is_engine) {
        snprintf(me, sizeof me, "engine %d", control->generation);
        atomic_store(&control->engine, my_pid);
        role = ENGINE;
    } else {
        const char *folder = count > 2 ? strrchr(arguments[2], '/') : NULL;
        snprintf(me, sizeof me, "runner %s", folder ? folder + 1 : "");
        atomic_store(&control->runner, my_pid);
        role = RUNNER;
    }
}

/* ---- Names ---- */

/* Below the root, with every long number as `#`: dates, ids of processes and of procedures change. */
static int shortened(const char *path, char *name, size_t size) {
    size_t root = strlen(control->root);
    if (strncmp(path, control->root, root) || (path[root] != '/' && path[root])) return 0;
    path += root + (path[root] == '/');
    size_t out = 0;
    while (*path && out + 2 < size) {
        size_t digits = strspn(path, "0123456789");
        if (digits >= 3) {
            name[out++] = '#';
            path += digits;
        } else if (digits) {
            while (digits-- && out + 2 < size) name[out++] = *path++;
        } else {
            name[out++] = *path++;
        }
    }
    name[out] = 0;
    return 1;
}

static int path_of(int file, char *path, size_t size) {
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t count = syscall(SYS_readlink, link, path, size - 1);
    if (count < 0) return 0;
    path[count] = 0;
    char *deleted = strstr(path, " (deleted)");
    if (deleted) *deleted = 0;
    return 1;
}

static const char *absolute(int folder, const char *path, char *space, size_t size) {
    if (path[0] == '/') return path;
    char base[512] = "";
    if (folder == AT_FDCWD) {
        if (syscall(SYS_getcwd, base, sizeof base) < 0) return path;
    } else if (!path_of(folder, base, sizeof base)) {
        return path;
    }
    snprintf(space, size, "%s/%s", base, path);
    return space;
}

/* ---- What happens at a point ---- */

static void die(void) {
    for (;;) {
        syscall(SYS_kill, getpid(), SIGKILL);
        syscall(SYS_pause);
    }
}
static void end(pid_t pid) {
    if (pid > 0 && pid != getpid()) syscall(SYS_kill, pid, SIGKILL);
}
static void end_all(void) {
    end(atomic_load(&control->runner));
    end(atomic_load(&control->engine));
    if (getpid() == my_pid || atomic_load(&control->power_is_off)) die();
}
static void cut_power(void) {
    atomic_store(&control->power_is_off, 1);
    end_all();
}

static int counted(const char *name) {
    uint64_t key = 0xCBF29CE484222325u;
    for (const char *text = me; *text; text++) key = (key ^ (uint8_t)*text) * 0x100000001B3u;
    key = (key ^ 1) * 0x100000001B3u;
    for (const char *text = name; *text; text++) key = (key ^ (uint8_t)*text) * 0x100000001B3u;
    if (!key) key = 1;
    for (unsigned place = key % SLOTS;; place = (place + 1) % SLOTS) {
        uint64_t found = atomic_load(&control->slots[place].key);
        if (!found && atomic_compare_exchange_strong(&control->slots[place].key, &found, key))
            found = key;
        if (found == key) return atomic_fetch_add(&control->slots[place].count, 1) + 1;
    }
}

static void note(const char *name, int number, const void *data, size_t size) {
    if (!control->trace) return;
    if (trace_file < 0)
        trace_file = (int)syscall(
            SYS_openat, AT_FDCWD, control->trace_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    char line[512];
    int count = snprintf(line, sizeof line, "%s\t%s\t%d\t", me, name, number);
    /* How far the journal has come, which tells what was written before. */
    if (data && strstr(name, "journal.head")) {
        size_t part = size < 20 ? size : 20;
        memcpy(line + count, data, part);
        count += (int)part;
    }
    line[count++] = '\n';
    syscall(SYS_write, trace_file, line, count);
}

/* Every call that is a point comes through here, before it is made.
   Returns the fault that the call itself must take care of. */
static enum action arrive(const char *name, const void *data, size_t size) {
    if (atomic_load(&control->power_is_off)) die();
    int left = atomic_load(&control->power_in);
    if (left > 0 && atomic_fetch_sub(&control->power_in, 1) == 1) cut_power();
    int number = counted(name);
    note(name, number, data, size);
    for (int index = 0; index < POINTS; index++) {
        struct point *point = &control->points[index];
        if (!point->action || point->number != number || atomic_load(&point->reached)
            || strcmp(point->name, name) || strcmp(point->who, me))
            continue;
        atomic_store(&point->reached, 1);
        switch ((enum action)point->action) {
        case KILL_ENGINE:
            if (role == ENGINE) die();
            end(atomic_load(&control->engine));
            return NOTHING;
        case KILL_RUNNER:
            end(atomic_load(&control->runner));
            if (role == RUNNER && getpid() == my_pid) die();
            return NOTHING;
        case KILL_BOTH: end_all(); return NOTHING;
        case POWER: cut_power(); return NOTHING;
        case NO_SPACE: atomic_store(&control->space_is_out, 1); return NO_SPACE_ONCE;
        case LOST_SYNC:
        case LYING_SYNC:
            atomic_store(&control->power_in, point->parameter);
            return (enum action)point->action;
        default: return (enum action)point->action;
        }
    }
    return NOTHING;
}

static int is_ours(void) { return control && !busy && role != STRANGER; }

/* What a ready runner has forked becomes a runner as soon as it is seen in its run directory. */
static void become_runner(const char *path) {
    const char *runs = strstr(path, "/runs/");
    const char *step = runs ? strchr(runs + 6, '/') : NULL;
    if (role != READY || getpid() == my_pid || !step) return;
    size_t size = strcspn(step + 1, "/");
    snprintf(me, sizeof me, "runner %.*s", (int)size, step + 1);
    my_pid = getpid();
    role = RUNNER;
    trace_file = -1;
    atomic_store(&control->runner, my_pid);
}

/* A call on a path. */
static enum action at_path(const char *call, const char *path) {
    become_runner(path);
    char name[184];
    int count = snprintf(name, sizeof name, "%s ", call);
    if (!shortened(path, name + count, sizeof name - count)) return NOTHING;
    return arrive(name, NULL, 0);
}
/* A call on an open file. `-shm` is memory, and `alive` is written by the clock, not by what happens. */
static enum action at_file(const char *call, int file, const void *data, size_t size) {
    char path[512], name[184];
    if (!path_of(file, path, sizeof path)) return NOTHING;
    int count = snprintf(name, sizeof name, "%s ", call);
    if (!strncmp(path, "pipe:", 5))
        /* 3 is the lifeline, which is pulled whenever there is something new to read. */
        return file != 3 && role == RUNNER && getpid() == my_pid ? arrive("open the gate", NULL, 0) : NOTHING;
    if (!shortened(path, name + count, sizeof name - count)) return NOTHING;
    size_t end = strlen(name);
    if (end > 4 && !strcmp(name + end - 4, "-shm")) return NOTHING;
    if (end > 6 && !strcmp(name + end - 6, "/alive")) return NOTHING;
    return arrive(name, data, size);
}

/* The error that a fault means for a call that could not be made; 0: make it. */
static int error_of(enum action action) {
    return action == NO_SPACE_ONCE ? ENOSPC : action == IO_ERROR || action == LOST_SYNC ? EIO : 0;
}
#define FAIL_AT(action)                                      \
    do {                                                     \
        int code = error_of(action);                         \
        if (code) { errno = code; return -1; }               \
        if ((action) == TORN) end_all();                     \
    } while (0)

/* ---- What the disk is sure to hold ---- */

/* The picture's file is put in place as a whole, with the mode and the times of what it shows. */
static void finish(int to, const struct stat *info, const char *temporary, const char *path) {
    struct timespec times[2] = { info->st_atim, info->st_mtim };
    syscall(SYS_fchmod, to, info->st_mode & 07777);
    futimens(to, times);
    syscall(SYS_close, to);
    syscall(SYS_renameat, AT_FDCWD, temporary, AT_FDCWD, path);
}

static void copy_out(int from, const struct stat *info, const char *name) {
    char temporary[320], path[256], block[65536];
    static _Atomic int number;
    snprintf(path, sizeof path, "%s/%s", control->image, name);
    snprintf(temporary, sizeof temporary, "%s.%d.%d", path, getpid(), atomic_fetch_add(&number, 1));
    int to = (int)syscall(SYS_openat, AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) return;
    off_t place = 0;
    ssize_t count;
    while ((count = syscall(SYS_pread64, from, block, sizeof block, place)) > 0) {
        syscall(SYS_write, to, block, count);
        place += count;
    }
    finish(to, info, temporary, path);
}

/* The names in a folder, each with its inode, kind and mode, and where a link points. */
static void list_out(const char *path, const struct stat *folder, const char *name) {
    char temporary[320], target[256];
    static _Atomic int number;
    snprintf(target, sizeof target, "%s/%s", control->image, name);
    snprintf(temporary, sizeof temporary, "%s.%d.%d", target, getpid(), atomic_fetch_add(&number, 1));
    int to = (int)syscall(SYS_openat, AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int own = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (to < 0 || own < 0) return;
    DIR *stream = fdopendir(own);
    struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        struct stat info;
        if (fstatat(own, entry->d_name, &info, AT_SYMLINK_NOFOLLOW)) continue;
        char link[512] = "", line[1200];
        if (S_ISLNK(info.st_mode)) {
            ssize_t count = readlinkat(own, entry->d_name, link, sizeof link - 1);
            link[count > 0 ? count : 0] = 0;
        }
        int count = snprintf(
            line, sizeof line, "%llu\t%o\t%s\t%s\n", (unsigned long long)info.st_ino, info.st_mode,
            entry->d_name, link);
        syscall(SYS_write, to, line, count);
    }
    if (stream) closedir(stream);
    finish(to, folder, temporary, target);
}

static void keep_file(int file) {
    struct stat info;
    char path[512], name[64];
    if (fstat(file, &info) || !path_of(file, path, sizeof path)) return;
    if (strncmp(path, control->root, strlen(control->root))) return;
    if (S_ISDIR(info.st_mode)) {
        snprintf(name, sizeof name, "d%llu", (unsigned long long)info.st_ino);
        list_out(path, &info, name);
    } else if (S_ISREG(info.st_mode)) {
        char link[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        int readable = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
        if (readable < 0) return;
        snprintf(name, sizeof name, "c%llu", (unsigned long long)info.st_ino);
        copy_out(readable, &info, name);
        syscall(SYS_close, readable);
    }
}

static void keep_tree(const char *path) {
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (file < 0) return;
    keep_file(file);
    struct stat info;
    if (!fstat(file, &info) && S_ISDIR(info.st_mode)) {
        DIR *stream = opendir(path);
        struct dirent *entry;
        while (stream && (entry = readdir(stream))) {
            if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
            char below[512];
            snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
            keep_tree(below);
        }
        if (stream) closedir(stream);
    }
    syscall(SYS_close, file);
}

static void synced(int file, int whole_system) {
    if (!control->keep_image) return;
    int saved = errno;
    busy++;
    /* One at a time, or an older picture could take the place of a newer one. */
    int folder = (int)syscall(SYS_openat, AT_FDCWD, control->image, O_RDONLY | O_CLOEXEC, 0);
    syscall(SYS_flock, folder, LOCK_EX);
    if (whole_system) keep_tree(control->root); else keep_file(file);
    syscall(SYS_close, folder);
    busy--;
    errno = saved;
}

/* ---- Writing ---- */

/* Bytes that the file holds already need no new space. */
static int needs_space(int file, off_t from, size_t size) {
    struct stat info;
    if (!atomic_load(&control->space_is_out) || fstat(file, &info) || !S_ISREG(info.st_mode)) return 0;
    char path[512];
    if (!path_of(file, path, sizeof path)) return 0;
    if (strncmp(path, control->root, strlen(control->root))) return 0;
    return from + (off_t)size > info.st_blocks * 512 || from + (off_t)size > info.st_size;
}
static off_t place_of(int file) {
    struct stat info;
    int flags = fcntl(file, F_GETFL);
    if (flags >= 0 && flags & O_APPEND) return fstat(file, &info) ? 0 : info.st_size;
    off_t place = lseek(file, 0, SEEK_CUR);
    return place < 0 ? 0 : place;
}

/* The answer to a command, and nothing else that the engine says on its socket. */
static int is_answer(const void *data, size_t size) {
    return memmem(data, size, "\"queued\":", 9) && memmem(data, size, "\"plan\":", 7)
        && memmem(data, size, "\"events\":", 9);
}

ssize_t write(int file, const void *data, size_t size) {
    if (!is_ours()) return syscall(SYS_write, file, data, size);
    if (role == ENGINE && is_answer(data, size)) arrive("answer a command", NULL, 0);
    enum action action = at_file("write", file, data, size);
    FAIL_AT(action == TORN ? NOTHING : action);
    if (needs_space(file, place_of(file), size)) { errno = ENOSPC; return -1; }
    if ((action == TORN || action == SHORT_WRITE) && size > 1) {
        ssize_t count = syscall(SYS_write, file, data, size / 2);
        if (action == TORN) end_all();
        return count;
    }
    return syscall(SYS_write, file, data, size);
}
static ssize_t place_write(int file, const void *data, size_t size, off_t from) {
    if (!is_ours()) return syscall(SYS_pwrite64, file, data, size, from);
    enum action action = at_file("write", file, data, size);
    FAIL_AT(action == TORN ? NOTHING : action);
    if (needs_space(file, from, size)) { errno = ENOSPC; return -1; }
    if ((action == TORN || action == SHORT_WRITE) && size > 1) {
        ssize_t count = syscall(SYS_pwrite64, file, data, size / 2, from);
        if (action == TORN) end_all();
        return count;
    }
    return syscall(SYS_pwrite64, file, data, size, from);
}
ssize_t pwrite(int file, const void *data, size_t size, off_t from) {
    return place_write(file, data, size, from);
}
ssize_t pwrite64(int file, const void *data, size_t size, off64_t from) {
    return place_write(file, data, size, from);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
    if (is_ours() && role == ENGINE)
        for (int index = 0; index < count; index++)
            if (is_answer(parts[index].iov_base, parts[index].iov_len))
                arrive("answer a command", NULL, 0);
    return syscall(SYS_writev, file, parts, count);
}

static int cut(int file, off_t size) {
    if (is_ours()) {
        enum action action = at_file("truncate", file, NULL, 0);
        FAIL_AT(action);
    }
    return (int)syscall(SYS_ftruncate, file, size);
}
int ftruncate(int file, off_t size) { return cut(file, size); }
int ftruncate64(int file, off64_t size) { return cut(file, size); }

static int reserve(int file, off_t from, off_t size) {
    if (is_ours()) {
        enum action action = at_file("reserve", file, NULL, 0);
        int code = error_of(action);
        if (!code && needs_space(file, from, size)) code = ENOSPC;
        if (code) return code;
        if (action == TORN) end_all();
    }
    return syscall(SYS_fallocate, file, 0, from, size) ? errno : 0;
}
int posix_fallocate(int file, off_t from, off_t size) { return reserve(file, from, size); }
int posix_fallocate64(int file, off64_t from, off64_t size) { return reserve(file, from, size); }

/* ---- Syncing ---- */

static int sync_file(long call, const char *name, int file) {
    if (!is_ours()) return (int)syscall(call, file);
    enum action action = at_file(name, file, NULL, 0);
    FAIL_AT(action);
    if (action == LYING_SYNC) return 0;
    int code = (int)syscall(call, file);
    if (code == 0) synced(file, call == SYS_syncfs);
    return code;
}
int fsync(int file) { return sync_file(SYS_fsync, "sync", file); }
int fdatasync(int file) { return sync_file(SYS_fdatasync, "sync", file); }
int syncfs(int file) { return sync_file(SYS_syncfs, "sync the disk of", file); }

/* ---- Names on the disk ---- */

static int open_file(int folder, const char *path, int flags, mode_t mode) {
    if (control && role != STRANGER && !strcmp(path, "/proc/sys/kernel/random/boot_id")
        && control->boot[0])
        path = control->boot;
    else if (is_ours() && flags & (O_CREAT | O_TRUNC)) {
        char space[1024];
        const char *whole = absolute(folder, path, space, sizeof space);
        size_t end = strlen(whole);
        int is_memory = (end > 4 && !strcmp(whole + end - 4, "-shm"))
            || (end > 6 && !strcmp(whole + end - 6, "/alive"));
        struct stat info;
        int is_new = fstatat(folder, path, &info, 0) != 0;
        if (!is_memory) {
            enum action action = at_path(is_new ? "create" : "open", whole);
            FAIL_AT(action);
        }
        if (is_new && atomic_load(&control->space_is_out)
            && !strncmp(whole, control->root, strlen(control->root))) {
            errno = ENOSPC;
            return -1;
        }
    }
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}
#define MODE(last)                                           \
    mode_t mode = 0;                                         \
    if (flags & (O_CREAT | O_TMPFILE)) {                     \
        va_list rest;                                        \
        va_start(rest, last);                                \
        mode = va_arg(rest, mode_t);                         \
        va_end(rest);                                        \
    }
int open(const char *path, int flags, ...) { MODE(flags) return open_file(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_file(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) {
    MODE(flags) return open_file(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    MODE(flags) return open_file(folder, path, flags, mode);
}

int rename(const char *from, const char *to) {
    if (is_ours()) {
        char space[1024];
        enum action action = at_path("rename to", absolute(AT_FDCWD, to, space, sizeof space));
        FAIL_AT(action);
    }
    return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}
int link(const char *from, const char *to) {
    if (is_ours()) {
        enum action action = at_path("link", to);
        FAIL_AT(action);
    }
    return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int symlink(const char *target, const char *path) {
    if (is_ours()) {
        enum action action = at_path("link", path);
        FAIL_AT(action);
    }
    return (int)syscall(SYS_symlinkat, target, AT_FDCWD, path);
}
int unlink(const char *path) {
    if (is_ours()) {
        char space[1024];
        const char *whole = absolute(AT_FDCWD, path, space, sizeof space);
        size_t end = strlen(whole);
        if (end < 4 || strcmp(whole + end - 4, "-shm")) {
            enum action action = at_path("remove", whole);
            FAIL_AT(action);
        }
    }
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
int rmdir(const char *path) {
    if (is_ours()) {
        enum action action = at_path("remove", path);
        FAIL_AT(action);
    }
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}
int mkdir(const char *path, mode_t mode) {
    struct stat info;
    if (is_ours() && fstatat(AT_FDCWD, path, &info, 0)) {
        char space[1024];
        const char *whole = absolute(AT_FDCWD, path, space, sizeof space);
        enum action action = at_path("make", whole);
        FAIL_AT(action);
        if (atomic_load(&control->space_is_out)
            && !strncmp(whole, control->root, strlen(control->root))) {
            errno = ENOSPC;
            return -1;
        }
    }
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
int fchmod(int file, mode_t mode) {
    if (is_ours()) {
        enum action action = at_file("set the mode of", file, NULL, 0);
        FAIL_AT(action);
    }
    return (int)syscall(SYS_fchmod, file, mode);
}
int flock(int file, int operation) {
    if (is_ours() && operation & LOCK_EX) at_file("lock", file, NULL, 0);
    return (int)syscall(SYS_flock, file, operation);
}

/* ---- Processes ---- */

int posix_spawn(
    pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
    const posix_spawnattr_t *attributes, char *const *arguments, char *const *environment
) {
    if (is_ours()) {
        int code = error_of(arrive("start a process", NULL, 0));
        if (code) return code == ENOSPC ? ENOMEM : EAGAIN;
    }
    busy++;
    int code = REAL(posix_spawn)(pid, path, actions, attributes, arguments, environment);
    busy--;
    if (is_ours() && code == 0) arrive("started a process", NULL, 0);
    return code;
}
pid_t fork(void) {
    if (is_ours()) {
        int code = error_of(arrive("fork", NULL, 0));
        if (code) { errno = EAGAIN; return -1; }
    }
    return REAL(fork)();
}
int execve(const char *path, char *const *arguments, char *const *environment) {
    if (is_ours() && getpid() != my_pid) arrive("run the program", NULL, 0);
    return (int)syscall(SYS_execve, path, arguments, environment);
}
pid_t waitpid(pid_t pid, int *status, int options) {
    pid_t found = REAL(waitpid)(pid, status, options);
    int saved = errno;
    if (is_ours() && found > 0) {
        int expected = found;
        atomic_compare_exchange_strong(&control->runner, &expected, 0);
        arrive("read an exit status", NULL, 0);
    }
    errno = saved;
    return found;
}
static void leave(void) {
    if (!is_ours() || getpid() != my_pid) return;
    arrive("exit", NULL, 0);
    int expected = my_pid;
    atomic_compare_exchange_strong(&control->runner, &expected, 0);
}
void _exit(int status) {
    leave();
    for (;;) syscall(SYS_exit_group, status);
}
__attribute__((destructor)) static void end_of_process(void) { leave(); }
