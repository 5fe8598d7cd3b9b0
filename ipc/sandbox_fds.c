/*
 * sandbox_fds.c - leaves a child no descriptor by accident. Apart from the rest of the sandbox so
 * that a program which only spawns others need not link libseccomp.
 */
#include <limits.h>
#include <unistd.h>

#include "sandbox.h"

/* The smallest kept descriptor from which on is at least from, or UINT_MAX. */
static unsigned next_kept(unsigned from, const int *keep, size_t n)
{
    unsigned best = UINT_MAX;
    for (size_t i = 0; i < n; i++)
        if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < best)
            best = (unsigned)keep[i];
    return best;
}

/* Both ends included. Old kernels, and containers that do not know close_range, go one by one. */
static void close_between(unsigned low, unsigned high)
{
    if (close_range(low, high, 0) == 0) return;
    long limit = sysconf(_SC_OPEN_MAX);
    for (unsigned fd = low; fd <= high && (long)fd < (limit > 0 ? limit : 1024); fd++)
        close((int)fd);
}

void sandbox_close_fds_above(int first, const int *keep, size_t n)
{
    unsigned from = (unsigned)first;
    for (;;) {
        unsigned kept = next_kept(from, keep, n);
        if (kept > from) close_between(from, kept - 1);
        if (kept == UINT_MAX) return;
        from = kept + 1;
    }
}
