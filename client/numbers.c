/* numbers.c - see numbers.h. Holes are few: a short array, searched from its end. */
#include "numbers.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

static void add_hole(struct numbers *s, uint32_t at, struct hole h)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 2;
        s->hole = xrealloc(s->hole, s->cap * sizeof *s->hole);
    }
    memmove(s->hole + at + 1, s->hole + at, (s->n - at) * sizeof *s->hole);
    s->hole[at] = h;
    s->n++;
}

static void drop_hole(struct numbers *s, uint32_t at)
{
    s->n--;
    memmove(s->hole + at, s->hole + at + 1, (s->n - at) * sizeof *s->hole);
}

/* Takes one number out of the hole that it lies in. */
static void fill(struct numbers *s, uint32_t at, uint64_t number)
{
    struct hole old = s->hole[at];
    if (old.first == old.last) {
        drop_hole(s, at);
    } else if (number == old.first) {
        s->hole[at].first++;
    } else {
        s->hole[at].last = number - 1;
        if (number < old.last)
            add_hole(s, at + 1, (struct hole){number + 1, old.last, old.noticed_us});
    }
}

enum numbers_verdict numbers_take(struct numbers *s, uint64_t number, uint64_t when_us)
{
    if (number > s->last) {
        bool next = number == s->last + 1;
        if (!next) add_hole(s, s->n, (struct hole){s->last + 1, number - 1, when_us});
        s->last = number;
        return next ? NUMBERS_NEXT : NUMBERS_AHEAD;
    }
    for (uint32_t i = s->n; i > 0; i--) {
        if (number < s->hole[i - 1].first || number > s->hole[i - 1].last) continue;
        fill(s, i - 1, number);
        return NUMBERS_LATE;
    }
    return NUMBERS_REPEAT;
}

uint64_t numbers_missing(const struct numbers *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->n; i++)
        sum += s->hole[i].last - s->hole[i].first + 1;
    return sum;
}

void numbers_free(struct numbers *s)
{
    free(s->hole);
    *s = (struct numbers){0};
}
