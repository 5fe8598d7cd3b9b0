/*
 * sanctions.c - what is forbidden to whom now: in memory since it became durable, and over by itself
 * when its time has passed. What is over stays in the store until another of its kind replaces it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "moderation.h"

static struct sanction *slot_of(struct broker *b, struct account *a, enum store_sanction_kind kind)
{
    if (!a) return b->announce;
    if (!a->sanctions) a->sanctions = xcalloc(1, sizeof *a->sanctions);
    return &a->sanctions->of[kind];
}

void sanctions_set(struct broker *b, struct account *a, enum store_sanction_kind kind, uint64_t until_ms,
                   const char *reason)
{
    if (!a && !b->announce) b->announce = xcalloc(1, sizeof *b->announce);
    struct sanction *x = slot_of(b, a, kind);
    x->on = true;
    x->until_ms = until_ms;
    snprintf(x->reason, sizeof x->reason, "%s", reason);
}

/* The memory goes with the last one. */
void sanctions_lift(struct broker *b, struct account *a, enum store_sanction_kind kind)
{
    bool any = false;
    if (!a) {
        free(b->announce);
        b->announce = NULL;
    } else if (a->sanctions) {
        a->sanctions->of[kind].on = false;
        for (unsigned i = 0; i < STORE_SANCTIONS; i++)
            any = any || a->sanctions->of[i].on;
        if (any) return;
        free(a->sanctions);
        a->sanctions = NULL;
    }
}

const struct sanction *sanctions_find(const struct broker *b, const struct account *a, enum store_sanction_kind kind)
{
    const struct sanction *x = !a ? b->announce : a->sanctions ? &a->sanctions->of[kind] : NULL;
    if (!x || !x->on || (x->until_ms && x->until_ms <= clock_wall_ms())) return NULL;
    return x;
}

void sanctions_until(uint64_t until_ms, char *out, size_t size)
{
    struct tm tm;
    time_t t = (time_t)(until_ms / 1000);
    if (until_ms == 0 || !gmtime_r(&t, &tm) || strftime(out, size, "until %Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        snprintf(out, size, "until it is lifted");
}

uint32_t sanctions_retry_ms(const struct sanction *x)
{
    uint64_t now = clock_wall_ms();
    if (x->until_ms <= now) return 0;
    return x->until_ms - now < UINT32_MAX ? (uint32_t)(x->until_ms - now) : UINT32_MAX;
}

static void say(const struct sanction *x, const char *what, char *words, size_t size)
{
    char until[64];
    sanctions_until(x->until_ms, until, sizeof until);
    snprintf(words, size, "%s %s%s%s", what, until, *x->reason ? ": " : "", x->reason);
}

uint16_t sanctions_bar(const struct broker *b, const struct account *a, char *words, size_t size)
{
    const struct sanction *x = sanctions_find(b, a, STORE_BAN);
    if (!x) return 0;
    say(x, "you are banned from #lobby", words, size);
    return WIRE_BANNED;
}

uint16_t sanctions_silence(const struct broker *b, const struct account *a, char *words, size_t size)
{
    const struct sanction *x;
    if (a->sanctions && sanctions_bar(b, a, words, size)) return WIRE_BANNED;
    if ((x = sanctions_find(b, a, STORE_MUTE))) {
        say(x, "you are muted in #lobby", words, size);
        return WIRE_MUTED;
    }
    if (a->role == 0 && (x = sanctions_find(b, NULL, STORE_ANNOUNCE))) {
        say(x, "only instructors and assistants write to #lobby", words, size);
        return WIRE_ANNOUNCE_ONLY;
    }
    return 0;
}

uint16_t sanctions_lock(const struct broker *b, const struct account *a, char *words, size_t size)
{
    const struct sanction *x = sanctions_find(b, a, STORE_LOCK);
    if (!x) return 0;
    say(x, "this account is banned", words, size);
    return WIRE_BANNED;
}

static void load(void *arg, const struct store_sanction *x)
{
    struct broker *b = arg;
    struct account *a = x->account ? people_by_id(b, x->account) : NULL;
    bool sound = x->account ? a && x->kind < STORE_SANCTIONS : x->kind == STORE_ANNOUNCE;
    if (sound) sanctions_set(b, a, x->kind, x->until_ms, x->reason);
}

void sanctions_load(struct broker *b)
{
    store_each_sanction(b->store, load, b);
}
