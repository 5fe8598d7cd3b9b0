/*
 * wire_moderate.h - the frame MODERATE: docs/protocol.md, section 7.1, in code.
 *
 * As in wire.h: wire_put_X appends one whole frame, wire_get_X takes a payload and gives slices of it.
 */
#ifndef WIRE_MODERATE_H
#define WIRE_MODERATE_H

#include "wire.h"

enum {
    WIRE_REASON_MAX = 200,                   /* bytes of a reason */
    WIRE_MODERATE_SECONDS = 3650 * 24 * 3600, /* longest time that anything is forbidden for; 0 is without end */
};

/* What is done to somebody, or to the room. The numbers stand in the audit log, too. */
enum wire_act {
    WIRE_ACT_KICK = 1,
    WIRE_ACT_BAN,
    WIRE_ACT_MUTE,
    WIRE_ACT_UNBAN,
    WIRE_ACT_UNMUTE,
    WIRE_ACT_ANNOUNCE, /* only instructors and assistants write, … */
    WIRE_ACT_OPEN,     /* … everybody does again; of both the name is empty */
    WIRE_ACT_ASK_MAX = WIRE_ACT_OPEN, /* a client may ask for those so far; the operator for all */
    WIRE_ACT_ROLE,
    WIRE_ACT_LOCK, /* the account cannot log in … */
    WIRE_ACT_UNLOCK,
    /* About groups, and in the audit log alone; kick, mute, unmute and role can be about one, too. */
    WIRE_ACT_DELETE,
    WIRE_ACT_INVITE,
    WIRE_ACT_TOPIC,
    WIRE_ACT_OPEN_GROUP,  /* everybody may join it, … */
    WIRE_ACT_INVITE_ONLY, /* … or only the invited */
    WIRE_ACTS
};

/* Its name in logs and commands; "unknown" for others. */
const char *wire_act_name(uint8_t act);

struct wire_moderate_ask {
    uint8_t act;
    struct slice room, name;
    uint32_t seconds; /* 0: until it is lifted */
    struct slice reason;
};

enum { WIRE_MODERATE_DONE = 1, WIRE_MODERATE_STATE = 2, WIRE_MODERATE_REFUSED = 3 };

/* Somebody did this. */
struct wire_moderate_done {
    uint8_t act;
    struct slice room;
    struct slice by;   /* empty: the operator */
    struct slice name; /* whom; empty: the whole room */
    uint8_t role;      /* theirs, from now on */
    uint64_t until_ms; /* 0: until it is lifted */
    struct slice reason;
};

enum { WIRE_STATE_ANNOUNCE = 1, WIRE_STATE_MUTED = 2, WIRE_STATE_BANNED = 4 };

/* What holds for the one who is told, in #lobby. */
struct wire_moderate_state {
    uint8_t role, flags;
    uint64_t muted_until_ms; /* 0 also when not muted */
    struct slice muted_why;
    uint64_t banned_until_ms;
    struct slice banned_why;
};

void wire_put_moderate_ask(struct buf *b, const struct wire_moderate_ask *m);
bool wire_get_moderate_ask(struct slice p, struct wire_moderate_ask *m);
/* Of the server's MODERATE; which one says its first byte. Refused is wire_put_keys_refused(). */
void wire_put_moderate_done(struct buf *b, const struct wire_moderate_done *m);
bool wire_get_moderate_done(struct slice p, struct wire_moderate_done *m);
void wire_put_moderate_state(struct buf *b, const struct wire_moderate_state *m);
bool wire_get_moderate_state(struct slice p, struct wire_moderate_state *m);

#endif
