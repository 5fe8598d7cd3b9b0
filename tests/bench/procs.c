/* procs.c - see procs.h. */
#include "procs.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

bool proc_parse(const char *line, struct proc *p)
{
    const char *after = strrchr(line, ')');
    unsigned long long own_user, own_system;
    long long child_user, child_system;
    int pid, parent, session;
    char state;
    if (!after || sscanf(line, "%d", &pid) != 1) return false;
    if (sscanf(after + 1, " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld", &state,
               &parent, &session, &own_user, &own_system, &child_user, &child_system) != 7)
        return false;
    *p = (struct proc){pid, parent, session, state == 'Z' || state == 'X',
                       own_user + own_system + (uint64_t)(child_user + child_system)};
    return true;
}

/* --- who belongs to it --- */

static void swap(struct proc *a, struct proc *b)
{
    struct proc t = *a;
    *a = *b;
    *b = t;
}

static bool belongs(const struct proc *p, const struct proc *members, size_t n, pid_t root)
{
    if (p->session == root) return true;
    for (size_t i = 0; i < n; i++)
        if (p->parent == members[i].pid) return true;
    return false;
}

size_t procs_members(struct proc *all, size_t n, pid_t root)
{
    size_t members = 0, before;
    for (size_t i = 0; i < n && members == 0; i++)
        if (all[i].pid == root) swap(&all[i], &all[members++]);
    do { /* a child may stand before its parent: until nobody is added */
        before = members;
        for (size_t i = members; i < n; i++)
            if (belongs(&all[i], all, members, root)) swap(&all[i], &all[members++]);
    } while (members != before);
    return members;
}

/* All that /proc holds in a file of a process, as a string. */
static bool read_file(pid_t pid, const char *file, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "re");
    if (!f) return false;
    size_t n = fread(text, 1, size - 1, f);
    text[n] = '\0';
    fclose(f);
    return n > 0;
}

static size_t everybody(struct proc *all, size_t max)
{
    char line[1024];
    size_t n = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *e; dir && n < max && (e = readdir(dir));) {
        long pid = strtol(e->d_name, NULL, 10);
        if (pid > 0 && read_file((pid_t)pid, "stat", line, sizeof line) &&
            proc_parse(line, &all[n]))
            n++;
    }
    if (dir) closedir(dir);
    return n;
}

static size_t members_now(struct proc *all, pid_t root)
{
    return procs_members(all, everybody(all, PROCS_MAX), root);
}

/* --- what each has used --- */

static uint64_t number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static uint64_t switches_of(pid_t pid)
{
    char path[64], file[96], text[8192];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        int thread = atoi(e->d_name);
        snprintf(file, sizeof file, "task/%d/status", thread);
        if (thread > 0 && read_file(pid, file, text, sizeof text))
            sum += number_after(text, "\nvoluntary_ctxt_switches:");
    }
    if (dir) closedir(dir);
    return sum;
}

static void program_of(pid_t pid, char name[PROGRAM_LEN])
{
    char path[64], target[4096];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = '\0';
    const char *slash = strrchr(target, '/');
    snprintf(name, PROGRAM_LEN, "%s", slash ? slash + 1 : "?");
}

static void add_program(struct usage *u, pid_t pid, uint64_t cpu_us)
{
    char name[PROGRAM_LEN];
    unsigned i = 0;
    program_of(pid, name);
    while (i < u->programs && strcmp(u->program[i].name, name) != 0)
        i++;
    if (i == PROGRAMS_MAX) return;
    if (i == u->programs) {
        u->programs++;
        memcpy(u->program[i].name, name, sizeof name);
    }
    u->program[i].cpu_us += cpu_us;
}

static double self_us(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

void procs_usage(pid_t root, bool memory, struct usage *u)
{
    static struct proc all[PROCS_MAX];
    const uint64_t tick_us = 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    char text[4096];
    memset(u, 0, sizeof *u);
    u->processes = root > 0 ? (unsigned)members_now(all, root) : 0;
    for (unsigned i = 0; i < u->processes; i++) {
        u->cpu_us += all[i].ticks * tick_us;
        u->switches += switches_of(all[i].pid);
        add_program(u, all[i].pid, all[i].ticks * tick_us);
        if (memory && read_file(all[i].pid, "smaps_rollup", text, sizeof text))
            u->pss_kb += number_after(text, "\nPss:");
    }
    u->self_us = self_us();
}

uint64_t usage_program_us(const struct usage *a, const struct usage *b, unsigned i)
{
    for (unsigned k = 0; k < a->programs; k++)
        if (strcmp(a->program[k].name, b->program[i].name) == 0)
            return b->program[i].cpu_us - a->program[k].cpu_us;
    return b->program[i].cpu_us;
}

unsigned procs_signal(pid_t root, int signal)
{
    static struct proc all[PROCS_MAX];
    unsigned told = 0;
    size_t n = root > 1 ? members_now(all, root) : 0;
    for (size_t i = 0; i < n; i++)
        told += !all[i].ended && kill(all[i].pid, signal) == 0;
    return told;
}
