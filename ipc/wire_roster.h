/*
 * wire_roster.h - the frame ROSTER: docs/protocol.md, section 7.2, in code. What is inside an entry, a
 * claim or a welcome is docs/sealed.md's, section 11; here they are bytes.
 *
 * As in wire.h: wire_put_X appends one whole frame, wire_get_X takes a payload and gives slices of it.
 */
#ifndef WIRE_ROSTER_H
#define WIRE_ROSTER_H

#include "wire.h"

enum {
    WIRE_ROSTER_ITEM_MAX = 512,   /* bytes of an entry, a claim, a welcome */
    WIRE_ROSTER_PART_MAX = 32768, /* bytes of items in one answer */
};

/* What there is at most one of for each account. */
enum wire_roster_kind { WIRE_ROSTER_ENTRY = 1, WIRE_ROSTER_CLAIM, WIRE_ROSTER_WELCOME };

enum { WIRE_ROSTER_FETCH = 1, WIRE_ROSTER_PUT = 2, WIRE_ROSTER_DROP = 3 };

struct wire_roster_ask {
    uint8_t op, kind;
    struct slice name;  /* fetch: empty for all; put, drop: of an own claim or welcome one's own */
    uint64_t after;     /* fetch: the `next` of the last part, 0 at first */
    struct slice item;  /* put */
};

enum { WIRE_ROSTER_ITEMS = 1, WIRE_ROSTER_NEWS = 2, WIRE_ROSTER_REFUSED = 3, WIRE_ROSTER_DONE = 4 };

struct wire_roster_items {
    uint8_t kind;
    struct slice name; /* as asked */
    uint64_t next;     /* 0: that was all */
    uint16_t n;
    struct slice items; /* n times name str8, time u64, item str16 */
};

/* One of the items; time_ms: when the server took it. */
struct wire_roster_item {
    struct slice name;
    uint64_t time_ms;
    struct slice item;
};

/* So many claims wait for instructors, or a welcome waits for the one who is told. */
struct wire_roster_news {
    uint8_t kind;
    uint32_t n;
};

struct wire_roster_done {
    uint8_t asked, kind;
    struct slice name;
};

void wire_put_roster_ask(struct buf *b, const struct wire_roster_ask *m);
bool wire_get_roster_ask(struct slice p, struct wire_roster_ask *m);
/* Of the server's ROSTER; which one says its first byte. Refused is wire_put_keys_refused(). */
void wire_put_roster_items(struct buf *b, const struct wire_roster_items *m);
bool wire_get_roster_items(struct slice p, struct wire_roster_items *m);
void wire_put_roster_news(struct buf *b, const struct wire_roster_news *m);
bool wire_get_roster_news(struct slice p, struct wire_roster_news *m);
void wire_put_roster_done(struct buf *b, const struct wire_roster_done *m);
bool wire_get_roster_done(struct slice p, struct wire_roster_done *m);
/* One item behind the others; read back with a cursor over `items`. */
void wire_put_roster_item(struct buf *b, const struct wire_roster_item *i);
bool wire_next_roster_item(struct cur *c, struct wire_roster_item *i);

#endif
