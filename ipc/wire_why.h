/*
 * wire_why.h - the frame WHY, what a message waits for: docs/protocol.md, section 6.8, in code.
 *
 * As in wire.h: wire_put_X appends one whole frame, wire_get_X takes a payload and gives slices of it.
 */
#ifndef WIRE_WHY_H
#define WIRE_WHY_H

#include "wire.h"

enum {
    WIRE_WHY_IDS_MAX = 64,    /* messages of one question */
    WIRE_WHY_DEVICES_MAX = 16, /* listed for each */
    WIRE_WHY_PART_MAX = 48 * 1024, /* bytes of the rows about a room in one frame, about */
};

enum { WIRE_WHY_MESSAGES = 1, WIRE_WHY_ROOM = 2, WIRE_WHY_REFUSED = 3 };

/*
 * States of a message, or of what is for one device or member; 1 to 4 as in enum wire_state. Delivered is
 * what was accepted and neither waits nor ended otherwise.
 */
enum { WIRE_WHY_UNTAKEN = 0, WIRE_WHY_REVOKED = 5 };

struct wire_why_ask {
    uint8_t op;
    struct slice to; /* a user; of ROOM the room */
    uint8_t n;       /* MESSAGES: 1 to WIRE_WHY_IDS_MAX */
    uint64_t id[WIRE_WHY_IDS_MAX];
    uint8_t group[32]; /* ROOM: the group's id */
    uint64_t number;   /* … and the message's number in it */
};

struct wire_why_messages {
    struct slice to;
    bool present;      /* a device of theirs receives now */
    uint64_t since_ms; /* … since then, or was last seen then; 0: unknown */
    uint32_t keep_s;   /* how long messages are kept */
    uint8_t n;
    struct slice rows; /* walk with wire_next_why_message() */
};

/* What is for one device and has not been delivered. */
struct wire_why_device {
    uint64_t device;
    uint8_t state;     /* accepted: sent to it, not acknowledged; stored, expired, revoked */
    uint32_t place;    /* in that device's queue, from 1; 0: not in it any more */
    uint64_t until_ms; /* stored: kept until then; else 0 */
};

struct wire_why_message {
    uint64_t id;
    uint8_t state;
    uint8_t n;
    struct wire_why_device device[WIRE_WHY_DEVICES_MAX];
};

struct wire_why_room {
    struct slice room;
    uint64_t number;
    bool last;         /* no further part follows */
    struct slice rows; /* walk with wire_next_why_member() */
};

struct wire_why_member {
    struct slice name;
    uint8_t role;      /* enum membership_role; 0: has left, and has not read up to there */
    uint8_t state;     /* delivered, stored, expired: not kept any more */
    uint8_t devices, waiting; /* of theirs that read there, and those of them that have not acknowledged it */
    bool present;      /* as above */
    uint64_t since_ms;
};

void wire_put_why_ask(struct buf *b, const struct wire_why_ask *m);
bool wire_get_why_ask(struct slice p, struct wire_why_ask *m);
/* Of the server's WHY; which one says its first byte. Refused is wire_put_keys_refused(). */
void wire_put_why_messages(struct buf *b, const struct wire_why_messages *m);
bool wire_get_why_messages(struct slice p, struct wire_why_messages *m);
void wire_put_why_room(struct buf *b, const struct wire_why_room *m);
bool wire_get_why_room(struct slice p, struct wire_why_room *m);

/* Rows: appended to a buffer that becomes .rows; next: false at the end, or when malformed (c->bad). */
void wire_add_why_message(struct buf *rows, const struct wire_why_message *m);
bool wire_next_why_message(struct cur *c, struct wire_why_message *m);
void wire_add_why_member(struct buf *rows, const struct wire_why_member *m);
bool wire_next_why_member(struct cur *c, struct wire_why_member *m);

#endif
