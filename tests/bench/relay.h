/*
 * relay.h - what the bare relay (relay.c) and its driver say to each other: frames of
 *
 *   len u16 (of what follows)   kind u8   id u32   body
 */
#ifndef BENCH_RELAY_H
#define BENCH_RELAY_H

enum { RELAY_HEAD = 7, RELAY_USERS = 1 << 16 };

enum relay_kind {
    RELAY_NAME, /* the first: this connection is user id. Sent back. */
    RELAY_JOIN, /* into the one room. Sent back. */
    RELAY_USER, /* goes to user id as it is */
    RELAY_ROOM, /* goes to everybody in the room but its sender */
};

#endif
