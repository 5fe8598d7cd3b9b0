/* usage.c - see usage.h. */
#include "usage.h"

#include <dirent.h>
#include <stdio.h>

#include "server.h"

static uint64_t memory_kb(pid_t pid)
{
    char path[64], line[256];
    unsigned long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Pss: %lu", &kb) == 1) break;
    if (f) fclose(f);
    return kb;
}

static unsigned descriptors(pid_t pid)
{
    char path[64];
    unsigned n = 0;
    const struct dirent *e;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    while (d && (e = readdir(d)))
        n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

void usage_take(struct shared *s, struct usage *u)
{
    static struct process p[PROCESSES_MAX];
    *u = (struct usage){.at_s = now_us() / 1000000};
    for (int i = 0, n = server_processes(s, p); i < n; i++) {
        u->role[p[i].role].processes++;
        u->role[p[i].role].kb += memory_kb(p[i].pid);
        u->role[p[i].role].descriptors += descriptors(p[i].pid);
    }
}

void usage_print(const struct usage *u, const char *when)
{
    static const char *const names[] = {"master", "worker", "broker", "keeper"};
    printf("usage: %s, at %lu s:", when, u->at_s);
    for (int r = 0; r < ROLES; r++)
        printf("%s %u %s %lu kB %u descriptors", r ? "," : "", u->role[r].processes, names[r],
               u->role[r].kb, u->role[r].descriptors);
    printf("\n");
}
