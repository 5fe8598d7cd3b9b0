/* histogram.h - times from 0.1 µs to hours in constant memory, exact to 1 in 64. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEPS = 64, HISTOGRAM_DOUBLINGS = 40 };

/* Zero-initialise. */
struct histogram {
    uint64_t n;
    uint64_t count[HISTOGRAM_STEPS * HISTOGRAM_DOUBLINGS];
};

void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t ns);

/*
 * The time in µs that a part q (0 to 1) of all added stays at or below: 0.5 is the median. The
 * lower end of its step, so never above the true value; 0 when nothing was added.
 */
double histogram_us(const struct histogram *h, double q);

#endif
