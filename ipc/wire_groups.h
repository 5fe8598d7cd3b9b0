/*
 * wire_groups.h - the frame GROUP as far as it is about groups `#name`: docs/protocol.md, section 7.3, in
 * code. Joining and leaving the lobby (ops 1 to 3) is wire.h's. What lies inside an entry of the
 * membership log is docs/sealed.md's; here it is bytes.
 *
 * As in wire.h: wire_put_X appends one whole frame, wire_get_X takes a payload and gives slices of it.
 */
#ifndef WIRE_GROUPS_H
#define WIRE_GROUPS_H

#include "wire.h"

enum {
    WIRE_GROUP_ENTRY_MAX = 1024,   /* bytes of an entry of the log */
    WIRE_GROUP_ANSWER_MAX = 49152, /* … of entries, groups or members in one answer */
    WIRE_GROUP_BODY_LOG = 9,       /* where a body of suite 2 says the entry of the log that it is sealed for, u32 */
    WIRE_GROUP_MORE = 4189,        /* bytes that a body of suite 2 may be longer than max_text */
};

#define WIRE_FROM_NOW UINT64_MAX /* seen of a device that has nothing of the group */

/* --- what a client asks --- */

enum { WIRE_ASK_APPEND = 3, WIRE_ASK_LOG, WIRE_ASK_GROUPS, WIRE_ASK_MEMBERS, WIRE_ASK_PLACE };
enum { WIRE_GROUPS_MINE = 0, WIRE_GROUPS_OPEN = 1 };

struct wire_group_question {
    uint8_t op;
    struct slice entry; /* append */
    uint8_t scope;      /* groups */
    struct slice room;  /* log, members, place */
    uint8_t id[32];     /* log, place; zero in log: whichever has that name now */
    uint32_t after;     /* log: only entries with a seq above */
    uint64_t seen;      /* place: number of the last message processed, or WIRE_FROM_NOW */
};

/* False for ops 1 and 2 as well, and when a field is out of bounds. */
bool wire_get_group_question(struct slice p, struct wire_group_question *m);
void wire_put_group_question(struct buf *b, const struct wire_group_question *m);

/* --- what the server says; which one says the first byte --- */

enum {
    WIRE_GROUP_NO = 4, /* refused: an answer to any of the questions */
    WIRE_GROUP_ENTRIES,
    WIRE_GROUP_GROUPS,
    WIRE_GROUP_MEMBERS,
    WIRE_GROUP_HEAD,
    WIRE_GROUP_PLACED,
    WIRE_GROUP_GAP,
    WIRE_GROUP_INVITED,
    WIRE_GROUP_GONE,
};

struct wire_group_no {
    uint8_t asked; /* the op of the question */
    struct slice room;
    uint16_t code; /* enum wire_code */
    uint32_t retry_ms;
    struct slice text;
};

struct wire_group_entries {
    struct slice room;
    uint8_t id[32];
    uint32_t head;        /* seq of the newest that may be had */
    struct slice entries; /* of each: number in the room u64, entry str16 */
};

/* An entry that was taken has this seq and number in the room. */
struct wire_group_head {
    struct slice room;
    uint8_t id[32];
    uint32_t seq;
    uint64_t number;
};

/* PLACED: what comes next is behind `from`, and there is something up to `to`. */
struct wire_group_placed {
    struct slice room;
    uint8_t id[32];
    uint64_t from, to;
};

/* The messages from … to, both included, are gone, or were never for this device. */
struct wire_group_gap {
    struct slice room;
    uint64_t from, to;
};

/* INVITED: text is who did it. GONE: why. */
struct wire_group_notice {
    struct slice room;
    uint8_t id[32];
    struct slice text;
};

enum { WIRE_IS_OPEN = 1, WIRE_IS_MEMBER = 2, WIRE_IS_INVITED = 4, WIRE_IS_MUTED = 8, WIRE_IS_PRESENT = 16 };

struct wire_group_row {
    struct slice room;
    uint8_t id[32];
    uint8_t flags, role; /* of the one who asks: WIRE_IS_…; as in the log, 0 when not in */
    uint16_t members;
    uint32_t head;   /* seq of the log */
    uint64_t number; /* of the newest message */
    struct slice topic;
};

struct wire_member_row {
    struct slice name;
    uint8_t flags, role; /* WIRE_IS_…; as in the log */
    uint64_t muted_until_ms;
};

void wire_put_group_no(struct buf *b, const struct wire_group_no *m);
bool wire_get_group_no(struct slice p, struct wire_group_no *m);
void wire_put_group_entries(struct buf *b, const struct wire_group_entries *m);
bool wire_get_group_entries(struct slice p, struct wire_group_entries *m);
void wire_put_group_head(struct buf *b, const struct wire_group_head *m);
bool wire_get_group_head(struct slice p, struct wire_group_head *m);
void wire_put_group_placed(struct buf *b, const struct wire_group_placed *m);
bool wire_get_group_placed(struct slice p, struct wire_group_placed *m);
void wire_put_group_gap(struct buf *b, const struct wire_group_gap *m);
bool wire_get_group_gap(struct slice p, struct wire_group_gap *m);
/* op: WIRE_GROUP_INVITED or WIRE_GROUP_GONE. */
void wire_put_group_notice(struct buf *b, uint8_t op, const struct wire_group_notice *m);
bool wire_get_group_notice(struct slice p, uint8_t op, struct wire_group_notice *m);

/* How a frame of a list stands to the others. CUT: the last one, and there are more rows than are listed. */
enum { WIRE_LIST_GOES_ON = 0, WIRE_LIST_LAST = 1, WIRE_LIST_CUT = 2 };

/*
 * Lists are written row by row into a buffer, and sent in as many frames as they need. Reading: the head,
 * then rows until 0 (-1: malformed).
 */
void wire_add_group(struct buf *rows, const struct wire_group_row *r);
void wire_add_member(struct buf *rows, const struct wire_member_row *r);
void wire_put_groups(struct buf *b, uint8_t last, struct slice rows);
void wire_put_members(struct buf *b, struct slice room, const uint8_t id[32], uint8_t last, struct slice rows);
bool wire_get_groups(struct cur *c, uint8_t *last);
bool wire_get_members(struct cur *c, struct slice *room, uint8_t id[32], uint8_t *last);
int wire_next_group(struct cur *c, struct wire_group_row *r);
int wire_next_member(struct cur *c, struct wire_member_row *r);

#endif
