/*
 * pace.h - when the screen may be drawn: at most 20 times in any second, and at once for a key that somebody
 * waits for, also while something else changes all the time. Pure.
 */
#ifndef WINDOW_PACE_H
#define WINDOW_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* A drawing costs so much; one ms earns 1; what is saved for keys stays. */
enum { PACE_COST = 60, PACE_SAVED = 4 * PACE_COST, PACE_FOR_KEYS = 2 * PACE_COST };

struct pace {
    uint64_t at_ms; /* of the last drawing; zeroed: none yet, all is saved */
    unsigned left;  /* behind it */
};

/* When it may be drawn next; key: for somebody who waits. */
uint64_t pace_due(const struct pace *p, bool key);
void pace_drawn(struct pace *p, uint64_t now_ms);

#endif
