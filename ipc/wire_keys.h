/*
 * wire_keys.h - the frames KEYS and LIST: docs/protocol.md, sections 6.5 and 6.6, in code. What lies
 * inside a bundle or an entry is docs/sealed.md's; here they are bytes.
 *
 * As in wire.h: wire_put_X appends one whole frame, wire_get_X takes a payload and gives slices of it.
 */
#ifndef WIRE_KEYS_H
#define WIRE_KEYS_H

#include "wire.h"

enum {
    WIRE_PUBLISH_MAX = 8192,   /* bytes of what a device publishes at once */
    WIRE_ENTRY_MAX = 512,      /* … of an entry of a device list */
    WIRE_DEVICES_MAX = 8,      /* devices of an account at once */
    WIRE_ONE_TIME = 4 + 32,    /* … of a one-time prekey: id, public key */
    WIRE_PREKEYS_FEW = 25,     /* with fewer the owner is told */
};

/* --- KEYS --- */

enum { WIRE_KEYS_PUBLISH = 1, WIRE_KEYS_FETCH = 2, WIRE_KEYS_OWN = 3 };

struct wire_keys_ask {
    uint8_t op;
    struct slice publish; /* publish */
    struct slice name;    /* fetch */
    uint64_t device;      /* fetch; 0: every device */
};

/* What a device publishes, in its parts. */
struct wire_publish {
    uint64_t device;
    uint32_t signed_id;
    struct slice prefix;   /* suite, device, signed prekey, KEM prekey: how every bundle of it begins */
    uint16_t n;            /* one-time prekeys */
    const uint8_t *one_time; /* n times WIRE_ONE_TIME bytes */
};
/* False unless it is of suite 1 and ends exactly. */
bool wire_get_publish(struct slice p, struct wire_publish *m);

/* one_time: WIRE_ONE_TIME bytes, NULL when there is none left. */
void wire_put_bundle(struct buf *b, struct slice prefix, const uint8_t *one_time);

enum { WIRE_KEYS_BUNDLES = 1, WIRE_KEYS_MINE = 2, WIRE_KEYS_REFUSED = 3 };

struct wire_bundles {
    struct slice name;
    uint64_t device; /* as asked */
    uint8_t n;
    struct slice bundle; /* n times str16, one behind the other */
};

struct wire_keys_own {
    uint32_t signed_id; /* 0: none */
    uint16_t left;
    uint32_t top;
};

/* KEYS and LIST alike; says for which question. */
struct wire_keys_refused {
    uint8_t asked;
    struct slice name;
    uint16_t code; /* enum wire_code */
    uint32_t retry_ms;
    struct slice text;
    uint8_t near; /* no-such-user: names like it */
    struct slice like[WIRE_NEAR_MAX];
};

void wire_put_keys_ask(struct buf *b, const struct wire_keys_ask *m);
bool wire_get_keys_ask(struct slice p, struct wire_keys_ask *m);
/* Of the server's KEYS; which one says its first byte. */
void wire_put_bundles(struct buf *b, const struct wire_bundles *m);
bool wire_get_bundles(struct slice p, struct wire_bundles *m);
void wire_put_keys_own(struct buf *b, const struct wire_keys_own *m);
bool wire_get_keys_own(struct slice p, struct wire_keys_own *m);
/* type: WIRE_KEYS or WIRE_LIST. */
void wire_put_keys_refused(struct buf *b, uint8_t type, const struct wire_keys_refused *m);
bool wire_get_keys_refused(struct slice p, struct wire_keys_refused *m);

/* --- LIST --- */

enum { WIRE_LIST_FETCH = 1, WIRE_LIST_APPEND = 2 };

struct wire_list_ask {
    uint8_t op;
    struct slice name; /* fetch */
    uint32_t after;
    uint8_t account_key[32]; /* append */
    struct slice entry;
};

enum { WIRE_LIST_ENTRIES = 1, WIRE_LIST_HEAD = 2, WIRE_LIST_REFUSED = 3 };

struct wire_list_entries {
    struct slice name;
    uint8_t account_key[32]; /* zero: there is no list */
    uint32_t head;
    struct slice entries; /* str16 of each */
};

struct wire_new_head {
    struct slice name;
    uint32_t head;
};

void wire_put_list_ask(struct buf *b, const struct wire_list_ask *m);
bool wire_get_list_ask(struct slice p, struct wire_list_ask *m);
void wire_put_list_entries(struct buf *b, const struct wire_list_entries *m);
bool wire_get_list_entries(struct slice p, struct wire_list_entries *m);
void wire_put_new_head(struct buf *b, const struct wire_new_head *m);
bool wire_get_new_head(struct slice p, struct wire_new_head *m);

#endif
