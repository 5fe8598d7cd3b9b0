/* asks.c - see asks.h. Few at a time: an array, searched from its beginning. */
#include "asks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static struct ask *find(const struct asks *a, uint8_t type, const char *name)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->ask[i].type == type && strcmp(a->ask[i].name, name) == 0) return &a->ask[i];
    return NULL;
}

static struct ask *add(struct asks *a, uint8_t type, const char *name)
{
    if (a->n == a->cap) {
        a->cap = a->cap ? a->cap * 2 : 4;
        a->ask = xrealloc(a->ask, a->cap * sizeof *a->ask);
    }
    struct ask *new = &a->ask[a->n++];
    *new = (struct ask){.type = type};
    snprintf(new->name, sizeof new->name, "%s", name);
    return new;
}

static uint64_t pause_of(unsigned tries)
{
    uint64_t ms = (uint64_t)ASKS_AGAIN_MIN_MS << (tries < 10 ? tries : 10);
    return ms < ASKS_AGAIN_MAX_MS ? ms : ASKS_AGAIN_MAX_MS;
}

bool asks_want(struct asks *a, uint8_t type, const char *name, uint64_t device, uint64_t now_ms)
{
    struct ask *ask = find(a, type, name);
    if (!ask) add(a, type, name)->device = device;
    if (!ask || ask->state == ASK_WANTED) return false;
    if (ask->device != device) ask->device = 0;
    if (ask->state != ASK_ANSWERED) return ask->state == ASK_LATER;
    ask->state = ASK_LATER;
    ask->due_ms = now_ms + pause_of(ask->tries++);
    return true;
}

static size_t under_way(const struct asks *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        n += a->ask[i].state == ASK_UNDER_WAY;
    return n;
}

static bool is_due(const struct ask *ask, uint64_t now_ms)
{
    return ask->state == ASK_WANTED || (ask->state == ASK_LATER && ask->due_ms <= now_ms);
}

const struct ask *asks_next(struct asks *a, uint64_t now_ms)
{
    if (a->n == 0 || now_ms < a->held_ms || under_way(a) >= ASKS_AT_ONCE) return NULL;
    for (size_t i = 0; i < a->n; i++)
        if (is_due(&a->ask[i], now_ms)) {
            a->ask[i].state = ASK_UNDER_WAY;
            return &a->ask[i];
        }
    return NULL;
}

bool asks_pending(const struct asks *a, uint8_t type, const char *name)
{
    const struct ask *ask = find(a, type, name);
    return ask && (ask->state == ASK_WANTED || ask->state == ASK_UNDER_WAY);
}

void asks_answered(struct asks *a, uint8_t type, const char *name)
{
    struct ask *ask = find(a, type, name);
    if (ask && ask->state == ASK_UNDER_WAY) ask->state = ASK_ANSWERED;
}

void asks_tidy(struct asks *a)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->n; i++)
        if (a->ask[i].state != ASK_ANSWERED) a->ask[kept++] = a->ask[i];
    a->n = kept;
}

void asks_hurry(struct asks *a, uint8_t type, const char *name)
{
    struct ask *ask = find(a, type, name);
    if (ask && ask->state == ASK_LATER) ask->state = ASK_WANTED;
}

void asks_hold(struct asks *a, uint8_t type, const char *name, uint64_t until_ms)
{
    struct ask *ask = find(a, type, name);
    if (ask && ask->state == ASK_UNDER_WAY) ask->state = ASK_WANTED;
    if (until_ms > a->held_ms) a->held_ms = until_ms;
}

void asks_reset(struct asks *a)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->ask[i].state == ASK_UNDER_WAY) a->ask[i].state = ASK_WANTED;
    a->held_ms = 0;
}

uint64_t asks_due(const struct asks *a, uint64_t now_ms)
{
    uint64_t due = UINT64_MAX;
    if (a->n == 0 || under_way(a) >= ASKS_AT_ONCE) return due;
    for (size_t i = 0; i < a->n; i++) {
        const struct ask *ask = &a->ask[i];
        uint64_t at = ask->state == ASK_WANTED ? now_ms
                      : ask->state == ASK_LATER ? ask->due_ms
                                                : UINT64_MAX;
        if (at < due) due = at;
    }
    return due != UINT64_MAX && due < a->held_ms ? a->held_ms : due;
}

void asks_free(struct asks *a)
{
    free(a->ask);
    *a = (struct asks){0};
}
