/*
 * moderation.h - roles, what is forbidden to whom, and acts of moderation: docs/moderation.md.
 *
 * sanctions.c knows what holds now; moderation.c does what somebody orders, once the store has it, and
 * tells those concerned. Times are wall-clock milliseconds; 0 is "until it is lifted".
 */
#ifndef MODERATION_H
#define MODERATION_H

#include "broker.h"
#include "wire_moderate.h"

/* --- sanctions.c --- */

struct sanction {
    bool on;
    uint64_t until_ms;
    char reason[STORE_REASON_MAX + 1];
};

/* What is forbidden to one account; few have any. */
struct sanctions {
    struct sanction of[STORE_SANCTIONS];
};

void sanctions_load(struct broker *b);
/* a: NULL for the whole lobby, kind STORE_ANNOUNCE. */
void sanctions_set(struct broker *b, struct account *a, enum store_sanction_kind kind, uint64_t until_ms,
                   const char *reason);
void sanctions_lift(struct broker *b, struct account *a, enum store_sanction_kind kind);
/* What holds now; NULL: nothing, or its time is over. */
const struct sanction *sanctions_find(const struct broker *b, const struct account *a, enum store_sanction_kind kind);
/* "until 2025-01-31 12:00 UTC", or "until it is lifted". */
void sanctions_until(uint64_t until_ms, char *out, size_t size);
/*
 * Why this account may not write to the lobby, be in it, or log in: a code of wire.h, and words for a
 * person; 0 when it may.
 */
uint16_t sanctions_silence(const struct broker *b, const struct account *a, char *words, size_t size);
uint16_t sanctions_bar(const struct broker *b, const struct account *a, char *words, size_t size);
uint16_t sanctions_lock(const struct broker *b, const struct account *a, char *words, size_t size);
static inline bool sanctions_locked(const struct broker *b, const struct account *a)
{
    return sanctions_find(b, a, STORE_LOCK) != NULL;
}
/* For ERROR: milliseconds until a sanction is over, as far as a u32 goes; 0: not a matter of time. */
uint32_t sanctions_retry_ms(const struct sanction *x);

/* --- moderation.c --- */

/* "member", "assistant", "instructor". */
const char *moderation_role_name(uint8_t role);

/* What somebody has ordered. */
struct order {
    struct broker *broker;
    uint8_t act;              /* enum wire_act */
    const struct account *by; /* NULL: the operator */
    struct account *whom;     /* NULL: the whole lobby */
    uint8_t role;             /* WIRE_ACT_ROLE: the new one */
    uint64_t until_ms;
    char reason[STORE_REASON_MAX + 1];
    void (*done)(void *ctx, bool stored); /* false: the disk is full, and nothing has changed */
    void *ctx;
};

/* Words that can be shown and stored: UTF-8 without control characters, not too long. Copies them. */
bool moderation_reason(struct order *o, struct slice reason);
/* Writes it down, then does it, tells who is concerned, and says done. Copies *o. */
void moderation_order(const struct order *o);
/* A client's MODERATE. */
void moderation_ask(struct session *s, const struct wire_moderate_ask *m);
/* Just logged in, or back after a broker's death: is told what holds, if anything does or may have. */
void moderation_welcome(struct session *s);
/* The lobby is closed to this session: it is told. False: it may come in. */
bool moderation_keeps_out(struct session *s);
/* The roster was read anew: whose role it changes is told. */
void moderation_roster_read(struct broker *b);

#endif
