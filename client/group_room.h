/*
 * group_room.h - what comes in a group's room: messages and entries of its log, judged one after the other
 * in the room's order (docs/sealed.md sections 7 and 8).
 *
 * What cannot be judged yet is parked in the store under its number (VAULT_ROOM_PARKED), and all behind it,
 * so that everybody is shown the same order; it waits for a device list, for the log, or, for a while, for
 * the key of its sender. Inside a transaction of the caller's, with the place in the room.
 */
#ifndef CLIENT_GROUP_ROOM_H
#define CLIENT_GROUP_ROOM_H

#include "group.h"

/* Flags beside WIRE_FLAG_*, in this program alone: parked like a message, body: from u64, to u64. */
enum { GROUP_FLAG_GAP = 0x80 };

enum room_result {
    ROOM_STORE = -1, /* the store failed */
    ROOM_SHOW,       /* how and body are the line to show */
    ROOM_NOTHING,    /* nothing to show */
    ROOM_NEED_LIST,  /* it waits for the device list of name */
    ROOM_NEED_LOG,   /* … for entries of the log */
    ROOM_NEED_KEY,   /* … for its sender's key */
};

struct room_taken {
    enum room_result result;
    enum vault_how how;
    bool ask;   /* it did not open: ask its sender to send it again */
    bool said;  /* it stands by the server's word alone: group_said() */
    bool ended; /* it was the last that this account gets: keys of the group are gone */
    char name[NAME_SIZE];
    struct buf body; /* secret: room_done() */
};

/*
 * Judges what came. fresh: as of group_take(). patient: false when its sender's key is not waited for any
 * longer.
 */
void room_take(const struct keyring *k, struct group *g, const struct wire_deliver *m, const char *fresh,
               bool patient, struct room_taken *out);
void room_done(struct room_taken *t);

/* Puts one behind what is parked; takes the first out: 1 and *m, slices of *value; 0: none. */
int room_park(struct vault *v, const struct group *g, const struct wire_deliver *m);
int room_parked(struct vault *v, const struct group *g, struct buf *value, struct wire_deliver *m);
int room_unpark(struct vault *v, const struct group *g, const struct wire_deliver *m);

/*
 * The number in the room of an own message of this id, for who asks for it again (again.h): 1; 0: none such.
 */
int room_number_of(struct vault *v, struct slice room, uint64_t id, uint64_t *number);

#endif
