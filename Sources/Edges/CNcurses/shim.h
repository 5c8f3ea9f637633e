/* What Swift cannot see of ncurses itself: macros, variadic functions and global variables; and the
   one handler that must run when nothing else can be trusted any more. */
#ifndef TOCSIN_CNCURSES_H
#define TOCSIN_CNCURSES_H
#define NCURSES_WIDECHAR 1
#define _XOPEN_SOURCE_EXTENDED 1
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

/* --- terminfo ---------------------------------------------------------------------------------- */

/* Reads the description of the terminal `name`; 1: found, 0: unknown, -1: no database. */
static inline int tocsin_setup(const char *name, int descriptor) {
    int found = 0;
    if (setupterm(name, descriptor, &found) == OK) return 1;
    return found == 1 ? 0 : found;
}

/* A capability as text; NULL where the terminal has none. */
static inline const char *tocsin_string(const char *name) {
    const char *text = tigetstr(name);
    return text == (const char *)-1 ? NULL : text;
}

static inline const char *tocsin_fill1(const char *text, int a) { return tiparm(text, a); }
static inline const char *tocsin_fill2(const char *text, int a, int b) { return tiparm(text, a, b); }

/* --- the terminal's end of life ------------------------------------------------------------------ */

#define TOCSIN_FAREWELL 512

/* Written once before the handlers are there; read in them. Only CrashGuard.swift may include these
   functions: each file that used them would have a copy of this variable. */
static struct {
    volatile sig_atomic_t armed;
    int descriptor;
    int pipe;
    size_t length;
    char farewell[TOCSIN_FAREWELL];
    struct termios modes;
    volatile sig_atomic_t asked;
} tocsin_guard = {0, -1, -1, 0, {0}, {0}, 0};

/* Gives the terminal back; async-signal-safe. */
static inline void tocsin_give_back(void) {
    if (!tocsin_guard.armed) return;
    tocsin_guard.armed = 0;
    size_t sent = 0;
    while (sent < tocsin_guard.length) {
        ssize_t count = write(
            tocsin_guard.descriptor, tocsin_guard.farewell + sent, tocsin_guard.length - sent);
        if (count <= 0) break;
        sent += (size_t)count;
    }
    tcsetattr(tocsin_guard.descriptor, TCSANOW, &tocsin_guard.modes);
}

static inline void tocsin_die_of(int number) {
    signal(number, SIG_DFL);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

/* A defect: nothing can be trusted but the terminal can be given back. */
static inline void tocsin_on_crash(int number) {
    tocsin_give_back();
    tocsin_die_of(number);
}

/* A wish from outside: told to the loop as a byte. A second wish to end is not asked for again:
   the loop may hang. */
static inline void tocsin_on_wish(int number) {
    int before = errno;
    int ends = number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT;
    if (ends && tocsin_guard.asked) {
        tocsin_give_back();
        tocsin_die_of(number);
    }
    if (ends) tocsin_guard.asked = 1;
    unsigned char byte = (unsigned char)number;
    ssize_t ignored = write(tocsin_guard.pipe, &byte, 1);
    (void)ignored;
    errno = before;
}

/* - descriptor: the terminal; pipe: where signals are told; modes: to be put back. */
static inline void tocsin_arm(
    int descriptor, int pipe, const struct termios *modes, const void *farewell, size_t length) {
    tocsin_guard.armed = 0;
    tocsin_guard.descriptor = descriptor;
    tocsin_guard.pipe = pipe;
    tocsin_guard.modes = *modes;
    tocsin_guard.length = length < TOCSIN_FAREWELL ? length : TOCSIN_FAREWELL;
    memcpy(tocsin_guard.farewell, farewell, tocsin_guard.length);
    tocsin_guard.armed = 1;
    /* Also when somebody far away calls exit(). */
    static int registered = 0;
    if (!registered) atexit(tocsin_give_back);
    registered = 1;
}
static inline void tocsin_disarm(void) { tocsin_guard.armed = 0; }

static inline void tocsin_catch(void) {
    /* A stack of its own, for a crash may be that there is none left. */
    static char stack[65536];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack, .ss_flags = 0};
    sigaltstack(&other, NULL);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigfillset(&action.sa_mask);
    action.sa_flags = SA_ONSTACK;
    action.sa_handler = tocsin_on_crash;
    static const int crashes[] = {SIGSEGV, SIGABRT, SIGTRAP, SIGILL, SIGBUS, SIGFPE};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigaction(crashes[i], &action, NULL);
    action.sa_flags = SA_ONSTACK | SA_RESTART;
    action.sa_handler = tocsin_on_wish;
    static const int wishes[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
        sigaction(wishes[i], &action, NULL);
}

/* The signals as they were by default: after the terminal was given back. */
static inline void tocsin_release(void) {
    static const int all[] = {SIGSEGV, SIGABRT, SIGTRAP, SIGILL, SIGBUS, SIGFPE, SIGINT,
                              SIGTERM, SIGHUP,  SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) signal(all[i], SIG_DFL);
    tocsin_guard.asked = 0;
}

/* Stops this process as ctrl-Z would; returns when it goes on. A thread that blocks the signal would
   run on until another one takes it. */
static inline void tocsin_stop(void) {
    sigset_t one, before;
    sigemptyset(&one);
    sigaddset(&one, SIGTSTP);
    signal(SIGTSTP, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &one, &before);
    raise(SIGTSTP);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static inline int tocsin_size(int descriptor, int *width, int *height) {
    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return 0;
    *width = size.ws_col;
    *height = size.ws_row;
    return 1;
}

#endif
