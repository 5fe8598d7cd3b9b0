/*
 * sandbox.h - gives up, for good, what a worker, a broker or a keeper does not need.
 *
 * Enter before the first hostile byte. Whoever leaves the system call list of its role is killed by
 * SIGSYS; whoever opens what it may not open is told EACCES. Prepare first, it fails or kills
 * later: epoll, timer and event descriptors, sodium_init(), sqlite3_randomness(), isatty(), signal
 * handlers and, for a broker, every thread and its name. pthread_exit() and pthread_cancel() load
 * a library: do not use. Local time by localtime_r(), which reads no file once inside.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum sandbox_role { SANDBOX_WORKER, SANDBOX_BROKER, SANDBOX_KEEPER };

struct sandbox_spec {
    enum sandbox_role role;
    const char *data_dir; /* broker: the one folder it may use, with all below */
    uid_t uid;            /* to become when started as root; (uid_t)-1 stays */
    gid_t gid;            /* goes with uid */
    unsigned max_fds;     /* RLIMIT_NOFILE, at most the hard limit; 0 leaves it */
    uint64_t max_file;    /* not broker: bytes a file passed to it may grow to, 0: writes none;
                           * no limit when stdout or stderr is a file, or logging would end */
    bool relaxed;         /* for debuggers: own uid and a short deny list, nothing else */
};

/* After success what is in force, after failure what went wrong and what to do; for log and ctl. */
struct sandbox_report {
    char text[200];
};

/*
 * Landlock and capabilities hold for a thread and the threads it starts, not for its elders. So a
 * broker calls this before it starts its threads and sandbox_enter() after; system calls are not
 * filtered yet. Returns 0, or -1 with the reason in the report: then exit, for half of it may hold.
 */
__attribute__((warn_unused_result)) int sandbox_before_threads(const struct sandbox_spec *spec,
                                                               struct sandbox_report *report);

/* Closes the door behind all threads; does the part above too if that has not been done. As above.
 */
__attribute__((warn_unused_result)) int sandbox_enter(const struct sandbox_spec *spec,
                                                      struct sandbox_report *report);

/* Writes the filter of a role, as the kernel would get it, to fd: for tests. 0, or -1 and errno. */
int sandbox_export(enum sandbox_role role, int fd);

/* Closes every descriptor from first upwards but the n in keep, which may stand in any order. */
void sandbox_close_fds_above(int first, const int *keep, size_t n);

#endif
