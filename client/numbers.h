/*
 * numbers.h - numbers 1, 2, 3, … as they come in: which are missing, late, repeated. Used by
 * ledger.c.
 */
#ifndef NUMBERS_H
#define NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* Numbers from first to last that have not come; noticed when a higher one came. */
struct hole {
    uint64_t first, last, noticed_us;
};

/* Zero-initialise. */
struct numbers {
    uint64_t last; /* the highest that came */
    struct hole *hole;
    uint32_t n, cap;
};

enum numbers_verdict { NUMBERS_NEXT, NUMBERS_AHEAD, NUMBERS_LATE, NUMBERS_REPEAT };

/* Takes a number: the next one; one that leaves a hole; one out of a hole; one that came before. */
enum numbers_verdict numbers_take(struct numbers *s, uint64_t number, uint64_t when_us);

/* How many are missing below the highest that came. */
uint64_t numbers_missing(const struct numbers *s);

void numbers_free(struct numbers *s);

#endif
