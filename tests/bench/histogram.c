/*
 * histogram.c - see histogram.h. Steps are linear within a doubling: up to 128 units of 0.1 µs each
 * has a step of its own, beyond that 64 steps share each doubling.
 */
#include "histogram.h"

#include <string.h>

enum { UNIT_NS = 100 };

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

static unsigned step_of(uint64_t ns)
{
    uint64_t v = ns / UNIT_NS;
    unsigned doubling = 0;
    while (v >> doubling >= 2 * HISTOGRAM_STEPS)
        doubling++;
    unsigned step = doubling * HISTOGRAM_STEPS + (unsigned)(v >> doubling);
    const unsigned last = HISTOGRAM_STEPS * HISTOGRAM_DOUBLINGS - 1;
    return step < last ? step : last;
}

static double step_us(unsigned step)
{
    if (step < 2 * HISTOGRAM_STEPS) return step * (UNIT_NS / 1000.0);
    unsigned doubling = step / HISTOGRAM_STEPS - 1;
    uint64_t v = (uint64_t)(step - doubling * HISTOGRAM_STEPS) << doubling;
    return (double)v * (UNIT_NS / 1000.0);
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->count[step_of(ns)]++;
    h->n++;
}

double histogram_us(const struct histogram *h, double q)
{
    uint64_t wanted = (uint64_t)(q * (double)h->n), sum = 0;
    if (h->n == 0) return 0;
    if (wanted >= h->n) wanted = h->n - 1;
    unsigned step = 0;
    while ((sum += h->count[step]) <= wanted)
        step++;
    return step_us(step);
}
