/*
 * procs.h - what a server's processes have used, from /proc: all of them together, whoever they
 * are. A server is its first process, everything descended from that, and everything in its
 * session, so helpers that lost their parent count, too. A child that has ended counts in whoever
 * waited for it.
 */
#ifndef BENCH_PROCS_H
#define BENCH_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCS_MAX = 4096, PROGRAMS_MAX = 16, PROGRAM_LEN = 48 };

/* One line of /proc/PID/stat, as far as it matters here. */
struct proc {
    pid_t pid, parent, session;
    bool ended;     /* a zombie: its figures stand until its parent waits for it */
    uint64_t ticks; /* user and system, own and of children waited for */
};

/* false when it is no such line. A program's name may contain anything, ')' and spaces too. */
bool proc_parse(const char *line, struct proc *p);

/* Moves the members of root's server to the front of all[n], root first; returns how many. */
size_t procs_members(struct proc *all, size_t n, pid_t root);

struct usage {
    uint64_t cpu_us;
    uint64_t switches; /* times that a thread gave up the CPU to wait: each ends in a wake-up */
    uint64_t pss_kb;
    unsigned processes;
    double self_us; /* CPU of this process */
    struct {
        char name[PROGRAM_LEN];
        uint64_t cpu_us;
    } program[PROGRAMS_MAX]; /* the same CPU by program */
    unsigned programs;
};

/* What root's server has used so far. memory: PSS too, which takes long with much of it. */
void procs_usage(pid_t root, bool memory, struct usage *u);

/* CPU that program[i] of b has used since a. */
uint64_t usage_program_us(const struct usage *a, const struct usage *b, unsigned i);

/* A signal to every process of root's server that has not ended; returns how many there were. */
unsigned procs_signal(pid_t root, int signal);

#endif
