/* fault.c - see fault.h. Empty in release builds. */
#include "fault.h"

#ifdef FAULTS
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fault_point(const char *dir, const char *name)
{
    static unsigned passed;
    const char *wanted = getenv("CSMSG_FAULT");
    size_t n = strlen(name);
    if (!wanted || strncmp(wanted, name, n) != 0 || (wanted[n] != 0 && wanted[n] != ':')) return;
    unsigned nth = wanted[n] ? (unsigned)strtoul(wanted + n + 1, NULL, 10) : 1;
    char path[600];
    snprintf(path, sizeof path, "%s/fault.%s", dir, name);
    if (++passed != nth || open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) < 0) return;
    raise(SIGKILL); /* the sandbox allows no signal to anybody but ourselves */
}
#else
typedef int fault_is_empty; /* ISO C wants a translation unit to have something in it */
#endif
