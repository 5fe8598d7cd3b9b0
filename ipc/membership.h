/*
 * membership.h - who is in a group, and what they may do: a log of signed entries, each with the
 * hash of the one before (docs/sealed.md section 8). The server orders the entries and can forge
 * none; clients show no join that is not in the log. Broker and client share this code.
 */
#ifndef SEALED_MEMBERSHIP_H
#define SEALED_MEMBERSHIP_H

#include "primitives.h"

enum {
    MEMBERSHIP_PEOPLE = 1024, /* in, invited, barred or muted */
    MEMBERSHIP_TEXT = 255,
    MEMBERSHIP_ENTRY_MAX = 1024,
    MEMBERSHIP_SEQ_MAX = 65535,
};

enum membership_op {
    MEMBERSHIP_CREATE = 1,
    MEMBERSHIP_INVITE,
    MEMBERSHIP_JOIN,
    MEMBERSHIP_LEAVE,
    MEMBERSHIP_KICK,
    MEMBERSHIP_ROLE,
    MEMBERSHIP_MUTE,
    MEMBERSHIP_TOPIC,
    MEMBERSHIP_OPEN,
};

enum membership_role { ROLE_NONE, ROLE_MEMBER, ROLE_ASSISTANT, ROLE_OWNER };

struct membership_person {
    uint8_t name_len;
    char name[SEALED_NAME_MAX];
    uint8_t account_key[SEALED_KEY];
    uint8_t role; /* enum membership_role */
    bool invited, barred;
    uint64_t muted_until; /* ms; 0: not muted */
    uint32_t joined;      /* seq of the entry */
};

/* Zero-initialise; membership_free() in the end. Those who left without a trace are not listed. */
struct membership {
    uint8_t group[SEALED_HASH], head[SEALED_HASH];
    uint32_t seq; /* entries taken; 0: no group yet */
    uint32_t readers; /* seq of the newest entry by which somebody came in or went out */
    bool open;
    uint8_t name_len, topic_len;
    char name[SEALED_NAME_MAX + 1], topic[MEMBERSHIP_TEXT];
    size_t n, room;
    struct membership_person *person;
};

/* An entry without its place in the chain. Slices point to where it was read from. */
struct membership_entry {
    uint8_t op; /* enum membership_op */
    uint64_t time_ms;
    struct slice actor, subject; /* names; the subject may be empty */
    uint8_t actor_account[SEALED_KEY], subject_account[SEALED_KEY];
    uint64_t actor_device;
    uint8_t role;      /* ROLE: the new one; CREATE, OPEN: 1 open, 0 by invitation */
    uint64_t until_ms; /* MUTE */
    struct slice text; /* CREATE: #name; TOPIC: topic; KICK, MUTE: reason */
};

enum membership_verdict {
    MEMBERSHIP_GOOD,
    MEMBERSHIP_DAMAGED,
    MEMBERSHIP_GAP,       /* not the next entry */
    MEMBERSHIP_FORK,      /* does not continue the log that we know */
    MEMBERSHIP_STRANGER,  /* no such device, or not one that may speak */
    MEMBERSHIP_FORGED,    /* the signature is not of that device */
    MEMBERSHIP_FORBIDDEN, /* the actor may not do that */
    MEMBERSHIP_SENSELESS, /* nothing to do: invites a member, kicks a stranger */
    MEMBERSHIP_FULL,
};

/*
 * What the caller knows of the actor. May this device speak for this account and name (its device
 * list says so), then its Ed25519 key, else NULL. *instructor: the class anchor's word for it.
 */
struct membership_lookup {
    const uint8_t *(*key)(void *ctx, const struct membership_entry *e, bool *instructor);
    void *ctx;
};

/* Takes an entry; *taken (may be NULL) is what it said. Unless GOOD nothing has changed. */
enum membership_verdict membership_apply(struct membership *m, struct slice entry,
                                         const struct membership_lookup *lookup,
                                         struct membership_entry *taken)
    __attribute__((warn_unused_result));

/* The same for an entry that this program has judged and kept: signature and rights are believed. */
enum membership_verdict membership_recall(struct membership *m, struct slice entry, struct membership_entry *taken)
    __attribute__((warn_unused_result));

/* What an entry says, before anybody has judged it. False: it is none. */
bool membership_read(struct slice entry, struct membership_entry *e, uint8_t group[SEALED_HASH], uint32_t *seq);

/* What the next entry names as the one before it; of the first: the group. */
void membership_hash(struct slice entry, uint8_t hash[SEALED_HASH]);

/* *to was zero, or was freed. */
void membership_copy(struct membership *to, const struct membership *from);

/* Writes e as the next entry of the log, signed by the actor's device. Does not take it. */
void membership_write(const struct membership *m, const struct membership_entry *e,
                      const uint8_t device_secret[SEALED_SIGN_SECRET], struct buf *out);

/* NULL: unknown to the group. */
const struct membership_person *membership_find(const struct membership *m,
                                                const uint8_t account_key[SEALED_KEY]);
enum membership_role membership_role_of(const struct membership *m,
                                        const uint8_t account_key[SEALED_KEY]);
size_t membership_count(const struct membership *m);

/* After this op every sender needs a new generation (sender_key.h). */
bool membership_rekeys(uint8_t op);
/* Does it change who may read? A message that was sealed before is sealed anew. */
bool membership_changes_readers(uint8_t op);

void membership_free(struct membership *m);

#endif
