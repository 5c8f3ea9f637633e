/* What Swift cannot do or see by itself on Linux: fork, process descriptors, extended attributes. */
#ifndef TOCSIN_CLINUX_H
#define TOCSIN_CLINUX_H
#include <errno.h>
#include <grp.h>
#include <linux/stat.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* glibc shows these only with _GNU_SOURCE, and Swift's own view of the C library is made without it. */
extern char **environ;
extern int pipe2(int ends[2], int flags);
extern void *memmem(const void *text, size_t length, const void *part, size_t part_length);
extern int syncfs(int file);
extern int sync_file_range(int file, off_t from, off_t count, unsigned flags);
extern mode_t umask(mode_t mask); /* <sys/stat.h> and <fcntl.h> would define `struct stat` here too */
#define TOCSIN_CLOEXEC 02000000
#define TOCSIN_F_SETPIPE_SZ 1031
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
#ifndef POSIX_SPAWN_SETSID
#define POSIX_SPAWN_SETSID 0x80
#endif

/* A program to start. Descriptors are those of the caller. */
struct tocsin_program {
    const char *path;
    char *const *arguments;
    char *const *environment;
    const char *folder;
    int input;
    int output; /* standard output and standard error */
    int mask;   /* umask; -1: the caller's */
    int become; /* 0: stay who we are; 1: become uid, gid and groups */
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    int group_count;
};

/* What a started program could not do before its own first instruction. */
struct tocsin_start_failure {
    int stage; /* 1 folder, 2 user, 3 descriptors, 4 program */
    int code;  /* errno */
};

static inline void tocsin_child_fails(int report, int stage) {
    struct tocsin_start_failure failure = { stage, errno };
    ssize_t ignored = write(report, &failure, sizeof failure);
    (void)ignored;
    _exit(127);
}

/* Only what is safe between fork and exec in a process with threads. */
static inline void tocsin_child_runs(const struct tocsin_program *program, int gate, int report) {
    struct sigaction normal = { .sa_handler = SIG_DFL };
    for (int number = 1; number < 65; number++) sigaction(number, &normal, NULL);
    setsid();
    if (program->become
        && (setgroups((size_t)program->group_count, program->groups) != 0
            || setgid(program->gid) != 0 || setuid(program->uid) != 0))
        tocsin_child_fails(report, 2);
    if (chdir(program->folder) != 0) tocsin_child_fails(report, 1);
    if (program->mask >= 0) umask((mode_t)program->mask);
    if (dup2(program->input, 0) < 0 || dup2(program->output, 1) < 0 || dup2(program->output, 2) < 0)
        tocsin_child_fails(report, 3);
    syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char go;
    ssize_t count;
    do { count = read(gate, &go, 1); } while (count < 0 && errno == EINTR);
    if (count != 1) _exit(125); /* the starter died before it had written down that we exist */
    execve(program->path, program->arguments, program->environment);
    tocsin_child_fails(report, 4);
}

/* Forks a child in a session of its own that waits at a gate: it runs the program when a byte is
   written to `gate`, and vanishes without a trace when `gate` is closed instead, also by our death.
   `report` ends without a byte when the program runs; else it tells a tocsin_start_failure.
   Returns 0 or errno. */
static inline int tocsin_fork_at_gate(
    const struct tocsin_program *program, pid_t *child, int *gate, int *report
) {
    int gates[2], reports[2];
    if (pipe2(gates, TOCSIN_CLOEXEC) != 0) return errno;
    if (pipe2(reports, TOCSIN_CLOEXEC) != 0) {
        int code = errno;
        close(gates[0]), close(gates[1]);
        return code;
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        close(gates[1]);
        close(reports[0]);
        tocsin_child_runs(program, gates[0], reports[1]);
    }
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(gates[0]);
    close(reports[1]);
    if (pid < 0) {
        close(gates[1]), close(reports[0]);
        return code;
    }
    *child = pid;
    *gate = gates[1];
    *report = reports[0];
    return 0;
}

/* Starts a program in a session of its own with nothing open but 0 (`input`; -1: /dev/null), 1 and 2
   (`output`), and from 3 on what it is to keep. All of these are numbers from 32 on, so that none of
   them is overwritten by another. Does not copy this process's memory, however large it is.
   Returns 0 or errno. */
static inline int tocsin_spawn_session(
    const char *path, char *const *arguments, const char *folder, int input, int output,
    const int *kept, int count, pid_t *child
) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) return code;
    code = posix_spawnattr_init(&attributes);
    if (code != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return code;
    }
    (code = posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        || (code = posix_spawnattr_setsigdefault(&attributes, &all))
        || (code = posix_spawnattr_setsigmask(&attributes, &none))
        || (code = posix_spawn_file_actions_addchdir_np(&actions, folder))
        || (code = posix_spawn_file_actions_adddup2(&actions, output, 1))
        || (code = posix_spawn_file_actions_adddup2(&actions, output, 2))
        || (code = input < 0
            ? posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0)
            : posix_spawn_file_actions_adddup2(&actions, input, 0));
    for (int index = 0; code == 0 && index < count; index++)
        code = posix_spawn_file_actions_adddup2(&actions, kept[index], 3 + index);
    if (code == 0) code = posix_spawn_file_actions_addclosefrom_np(&actions, 3 + count);
    if (code == 0) code = posix_spawn(child, path, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

/* Two ends of a connection that keeps messages apart. Returns 0 or errno. */
static inline int tocsin_message_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno;
}

#define TOCSIN_MOST_FILES 8

/* Sends a message and open files to whoever has the other end. Returns 0 or errno. */
static inline int tocsin_send(
    int to, const void *text, size_t length, const int *files, int count
) {
    union { struct cmsghdr header; char space[CMSG_SPACE(TOCSIN_MOST_FILES * sizeof(int))]; } control;
    struct iovec part = { (void *)text, length };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (count < 0 || count > TOCSIN_MOST_FILES) return EINVAL;
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(header), files, (size_t)count * sizeof(int));
    }
    ssize_t sent;
    do { sent = sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT); } while (sent < 0 && errno == EINTR);
    return sent < 0 ? errno : 0;
}

/* Receives a message and at most TOCSIN_MOST_FILES open files, which no program inherits.
   Returns the message's bytes; 0 when the other end is gone; -1 (errno) otherwise. */
static inline ssize_t tocsin_receive(int from, void *text, size_t length, int *files, int *count) {
    union { struct cmsghdr header; char space[CMSG_SPACE(TOCSIN_MOST_FILES * sizeof(int))]; } control;
    struct iovec part = { text, length };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
    };
    *count = 0;
    ssize_t got;
    do { got = recvmsg(from, &message, MSG_CMSG_CLOEXEC); } while (got < 0 && errno == EINTR);
    if (got < 0) return got;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
        header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        int some = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(files, CMSG_DATA(header), (size_t)some * sizeof(int));
        *count = some;
    }
    return got;
}

/* Keeps everything but 0, 1 and 2 from whatever this process starts. */
static inline void tocsin_keep_from_programs(void) {
    syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
}

/* fork(2), which Swift hides: only for a process with one thread. */
static inline pid_t tocsin_fork(void) { return fork(); }

/* A descriptor that becomes readable when the process ends; -1 when there is no such process. */
static inline int tocsin_process_descriptor(pid_t pid) {
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Whether a file (a link itself, where it is one) may be neither changed nor removed, not even by root:
   0, or what `chattr` calls it, 'i' or 'a'. */
static inline char tocsin_is_pinned(const char *path) {
    struct statx status = { 0 };
    if (syscall(SYS_statx, -100 /* AT_FDCWD */, path, 0x100 /* AT_SYMLINK_NOFOLLOW */, 0, &status) != 0)
        return 0;
    if (status.stx_attributes & STATX_ATTR_IMMUTABLE) return 'i';
    return status.stx_attributes & STATX_ATTR_APPEND ? 'a' : 0;
}

/* Has a file's new content on its way to the disk, without waiting for it. */
static inline void tocsin_start_writing(int file) {
    sync_file_range(file, 0, 0, 2 /* SYNC_FILE_RANGE_WRITE */);
}
#endif
