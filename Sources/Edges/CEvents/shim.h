/* What Swift cannot see of the system by itself: epoll, GNU's additions to posix_spawn, variadic calls. */
#ifndef TOCSIN_CEVENTS_H
#define TOCSIN_CEVENTS_H
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* The name that `ps -T` shows for the calling thread; 15 bytes. */
static inline void tocsin_name_thread(const char *name) { prctl(PR_SET_NAME, name); }

/* A descriptor that becomes readable when the process ends; -1 with errno. Linux 5.3. */
static inline int tocsin_pidfd_open(pid_t process) {
    return (int)syscall(SYS_pidfd_open, process, 0);
}

/* Both ends are closed on exec. */
extern int pipe2(int ends[2], int flags);
static inline int tocsin_pipe(int ends[2]) { return pipe2(ends, 02000000 /* O_CLOEXEC */); }

/* The child closes every descriptor from this one on, and starts in this folder. glibc 2.34. */
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
static inline int tocsin_spawn_close_from(posix_spawn_file_actions_t *actions, int from) {
    return posix_spawn_file_actions_addclosefrom_np(actions, from);
}
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
static inline int tocsin_spawn_folder(posix_spawn_file_actions_t *actions, const char *path) {
    return posix_spawn_file_actions_addchdir_np(actions, path);
}
/* The child leads a session of its own: no terminal, a process group with its own number. */
enum { TOCSIN_SPAWN_SESSION = 0x80 /* POSIX_SPAWN_SETSID */ };

extern char **environ;
static inline char **tocsin_environment(void) { return environ; }
#endif
