/*
 * device_list.h - the chained list of an account's devices (docs/sealed.md section 2): each entry
 * is signed by the account key and holds the hash of the one before, so a server can neither slip a
 * device in nor take one out, nor show an older list to who has seen a newer one.
 *
 * A list is plain memory of fixed size: copy it at will. It holds public keys only.
 */
#ifndef SEALED_DEVICE_LIST_H
#define SEALED_DEVICE_LIST_H

#include "primitives.h"

enum {
    DEVICE_LIST_ACTIVE = 8, /* devices in at once */
    DEVICE_LIST_EVER = 64,  /* devices that were ever in */
    DEVICE_ENTRY_MAX = 512, /* bytes of an entry */
    DEVICE_LIST_MAX = 65536,
};

/* The secrets of this device. */
struct device_keys {
    uint64_t device; /* never 0 */
    uint8_t ed[SEALED_KEY], ed_secret[SEALED_SIGN_SECRET];
    struct sealed_pair x;
};

/* A device as both ends of a conversation know it: "who" in docs/sealed.md section 1. */
struct device_who {
    uint8_t name_len;
    char name[SEALED_NAME_MAX];
    uint8_t account_key[SEALED_KEY];
    uint64_t device;
    uint8_t ed[SEALED_KEY], x[SEALED_KEY];
};

struct device_row {
    uint64_t device;
    uint8_t ed[SEALED_KEY], x[SEALED_KEY];
    uint64_t by;             /* the device that admitted it; 0: the account key alone */
    uint64_t time, gone;     /* when it came, and was revoked, ms, as who did it said */
    uint32_t added, revoked; /* seq of the entries; revoked 0: it is in */
};

/* What is remembered of a list: it may only grow from here. seq 0: nothing was seen yet. */
struct device_head {
    uint32_t seq;
    uint8_t hash[SEALED_HASH];
};

struct device_list {
    uint8_t account_key[SEALED_KEY];
    uint8_t name_len;
    char name[SEALED_NAME_MAX];
    struct device_head head;
    size_t n;
    struct device_row row[DEVICE_LIST_EVER];
};

enum device_verdict {
    DEVICE_GOOD,
    DEVICE_DAMAGED,   /* not an entry, or of a version this program does not know */
    DEVICE_GAP,       /* not the next entry */
    DEVICE_ROLLBACK,  /* shorter than what was seen before */
    DEVICE_FORK,      /* does not continue what was seen before */
    DEVICE_NOT_OURS,  /* of another name */
    DEVICE_FORGED,    /* a signature is wrong */
    DEVICE_FORBIDDEN, /* against the rules: who admits is not in, a device returns, too many */
};

/* What the verdict means, for a person: follows "the list of devices of alice ". */
const char *device_verdict_words(enum device_verdict v);

void device_keys_make(struct device_keys *keys, const struct sealed_random *rnd);
void device_keys_wipe(struct device_keys *keys);

/* The fields of `who`, in their order, behind out. */
void device_who_put(struct buf *out, const struct device_who *who);

/* An empty list; name is 1 to SEALED_NAME_MAX bytes. */
void device_list_start(struct device_list *list, const uint8_t account_key[SEALED_KEY],
                       struct slice name);

/* Takes one entry. Unless the verdict is GOOD the list is as it was. */
enum device_verdict device_list_apply(struct device_list *list, struct slice entry)
    __attribute__((warn_unused_result));

/*
 * Reads a whole list as it travels (str16 of each entry) into *list, for the account given. known
 * is what was seen of it before, or NULL. Unless the verdict is GOOD, *list is of no use.
 */
enum device_verdict device_list_read(struct device_list *list,
                                     const uint8_t account_key[SEALED_KEY], struct slice name,
                                     struct slice entries, const struct device_head *known)
    __attribute__((warn_unused_result));

/* The same for a list that this program has verified entry by entry and kept: signatures are believed. */
enum device_verdict device_list_recall(struct device_list *list, const uint8_t account_key[SEALED_KEY],
                                       struct slice name, struct slice entries) __attribute__((warn_unused_result));

/* The device of this number, if it is in (or ever was). NULL: none. */
const struct device_row *device_list_find(const struct device_list *list, uint64_t device);
const struct device_row *device_list_ever(const struct device_list *list, uint64_t device);

/* How many devices are in. */
size_t device_list_active(const struct device_list *list);

/* The device of a row, with the name and key of the account. */
void device_list_who(const struct device_list *list, const struct device_row *row,
                     struct device_who *who);

/* The new device's own signature over its keys, without which nobody can list it. */
void device_self_sign(const struct device_keys *keys, const uint8_t account_key[SEALED_KEY],
                      struct slice name, uint8_t signature[SEALED_SIGNATURE]);

/* The public half of a device that wants to be listed. */
struct device_offer {
    uint64_t device;
    uint8_t ed[SEALED_KEY], x[SEALED_KEY], self[SEALED_SIGNATURE];
};

/*
 * Writes the next entry behind out and takes it into the list. by: the device that admits or
 * revokes, NULL for the account key alone. GOOD, or why the entry cannot be (out as it was).
 */
enum device_verdict device_list_add(struct device_list *list,
                                    const uint8_t account_secret[SEALED_SIGN_SECRET],
                                    const struct device_keys *by, const struct device_offer *offer,
                                    uint64_t time_ms, struct buf *out)
    __attribute__((warn_unused_result));
enum device_verdict
device_list_revoke(struct device_list *list, const uint8_t account_secret[SEALED_SIGN_SECRET],
                   const struct device_keys *by, uint64_t device, uint64_t time_ms, struct buf *out)
    __attribute__((warn_unused_result));

#endif
