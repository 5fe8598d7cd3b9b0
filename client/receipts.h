/*
 * receipts.h - what became of messages of our own: what each waits for, and who says that they have read
 * it. Part of client.h, which has the events.
 */
#ifndef CLIENT_RECEIPTS_H
#define CLIENT_RECEIPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire_why.h"

struct client;
struct vault_row;

/* In the order in which a message comes through them; one of the last five is the end. */
enum client_why_state {
    CLIENT_WHY_UNSEALED = 1, /* it is here, to be sealed: for that there must be a connection */
    CLIENT_WHY_KEYS,         /* … for which the recipient has no keys at the server */
    CLIENT_WHY_TRUST,        /* … for which a person has to look at keys first: client_accept() */
    CLIENT_WHY_OUTBOX,       /* ready, and not sent: no connection */
    CLIENT_WHY_SENT,         /* the server has not confirmed it */
    CLIENT_WHY_ACCEPTED,     /* the server has it; in a room it has its number */
    CLIENT_WHY_STORED,
    CLIENT_WHY_DELIVERED,
    CLIENT_WHY_READ,
    CLIENT_WHY_EXPIRED,
    CLIENT_WHY_REVOKED, /* the device that it was for is out of its account, and never got it */
    CLIENT_WHY_REFUSED,
};

/* A device of a recipient that has not got it; of a group every member but oneself. */
struct client_why_row {
    char name[33];
    uint64_t device;    /* of a user; else 0 */
    uint8_t state;      /* WIRE_STATE_*: accepted: on its way; WIRE_WHY_REVOKED */
    uint32_t place;     /* in that device's queue, from 1; 0: in none */
    uint64_t until_ms;  /* kept until then; 0: unknown */
    uint8_t role;       /* of a group: enum membership_role; 0: has left */
    uint8_t devices, waiting; /* of a group: devices of theirs, and those that have not got it */
    bool read;          /* of a group: they say that they have read it */
    bool present;       /* they receive now */
    uint64_t since_ms;  /* … since then, or were last seen then; 0: not since the server's start */
};

/* What a message of our own waits for. Pointers are valid during the callback. */
struct client_why {
    uint64_t number, time_ms;
    enum client_why_state state;
    uint8_t kind;          /* WIRE_TO_* */
    const char *to;        /* as given; foreign text */
    const char *words;     /* KEYS, TRUST: "waits for bob's keys"; else empty */
    uint16_t code;         /* REFUSED: enum wire_code */
    bool current;          /* the server has just been asked; false: as far as this client knows */
    uint64_t room_number;  /* of a group's message: its number there; 0: unknown */
    bool present;          /* a user: they receive now, and since_ms as in a row; only when current */
    uint64_t since_ms;
    const struct client_why_row *row;
    size_t n;
};

/*
 * Asks what an own message waits for; number 0: the newest. Told as CLIENT_WHY: at once, from inside this
 * call, when this client knows or `ask` is false; else when the server has answered, or it turns out why
 * the message cannot be sealed. One question at a time: a new one takes the place of the one before.
 * 1; 0: there is no such message; -1: the store failed (FAILED is told).
 */
int client_why(struct client *c, uint64_t number, bool ask);

/*
 * Somebody has seen this row of the history on a screen. With read receipts on, its sender is told, some
 * messages together; off, nothing is kept or sent.
 */
void client_shown(struct client *c, const struct vault_row *row);

/* On: others are told what was shown here, and what they say of the sort is taken. As client_options has it. */
void client_set_read_receipts(struct client *c, bool on);

#endif
