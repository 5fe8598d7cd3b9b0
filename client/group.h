/*
 * group.h - what this device knows of a group: its record, its membership log as it was verified, and who
 * was in at which message (docs/sealed.md section 8). The server is believed nothing: every entry is
 * judged by ipc/membership with the key that the actor's device list has.
 *
 * The store holds the record (VAULT_GROUP) and the entries (VAULT_GROUP_LOG), both under the name in
 * lower case without its '#'. A struct group is that in memory, brought up to the store by group_read():
 * another process may have written, and a transaction may have been given up.
 *
 * Functions that return int give -1 when the store failed.
 */
#ifndef CLIENT_GROUP_H
#define CLIENT_GROUP_H

#include "keyring.h"
#include "membership.h"

struct group {
    char key[NAME_SIZE]; /* "#name" in lower case */
    uint8_t id[SEALED_HASH]; /* zero: the log has not come yet */
    uint64_t place;      /* number of the last message or entry that is in the store */
    bool over;           /* this account is not in, and has read to its end */
    bool rekey;          /* somebody lost the right to read: a new generation before the next message */
    bool check;          /* members or their devices have changed: who has our key must be looked at */
    bool broken;         /* its log holds an entry that must not be there */
    bool unproven;       /* … because the class does not say (yet) that its author is an instructor */
    uint64_t barrier;    /* own ids up to here were sealed for who was in before; 0: none */
    uint64_t log_number; /* number in the room of the newest entry */
    struct membership log;
};

/* A group that nothing is known of; name with its '#', any case. group_free() in the end. */
void group_start(struct group *g, struct slice name);
void group_free(struct group *g);

/* Brings *g to what the store has: 1; 0: the store knows no such group. */
int group_read(struct vault *v, struct group *g);
/* Writes the record; entries are written by group_take(). */
int group_write(struct vault *v, const struct group *g);

/* The first group behind this key ("": the first of all): 1 and its key, with '#'; 0: none. */
int group_next(struct vault *v, char key[NAME_SIZE]);

/* Forgets everything but messages: another group has this name now. */
int group_reset(struct vault *v, struct group *g);

/* The name as its creator wrote it, or the key while the log is not here. */
struct slice group_name(const struct group *g);

enum group_news {
    GROUP_STORE = -1,
    GROUP_TAKEN,     /* it is in the log now */
    GROUP_KNOWN,     /* it was already */
    GROUP_MISSING,   /* entries before it are not here */
    GROUP_NEED_LIST, /* the list of devices of `need` has to be fetched first */
    GROUP_UNPROVEN,  /* an instructor may write it, and nobody but the server says that its author is one */
    GROUP_REFUSED,   /* not true, or not allowed */
};

/*
 * Takes an entry with its number in the room. fresh: the name (in lower case) whose list the server has
 * just shown, NULL: none; who is not in that list will not be. need: of GROUP_NEED_LIST.
 */
enum group_news group_take(const struct keyring *k, struct group *g, struct slice entry, uint64_t number,
                           const char *fresh, char need[NAME_SIZE]);

/* Notes that the log cannot be followed any further; nothing is sealed for such a group. */
int group_break(struct vault *v, struct group *g, bool unproven);

/* Does this entry stand only because the server says that its author is an instructor? 1, 0. */
int group_said(struct vault *v, const struct group *g, uint32_t seq);

/* The hash that a message naming this entry is bound to: 1; 0: it is not here. */
int group_hash(struct vault *v, const struct group *g, uint32_t seq, uint8_t hash[SEALED_HASH]);

/* Who this account was in the group for a message with this number: 1 and *who; 0: not in. */
int group_member_at(struct vault *v, const struct group *g, const uint8_t account_key[SEALED_KEY],
                    uint64_t number, struct membership_person *who);

/* Is it in now? */
bool group_has(const struct group *g, const uint8_t account_key[SEALED_KEY]);

/* Did this member come in before the message with this number? 1, 0. */
int group_entered_before(struct vault *v, const struct group *g, const struct membership_person *p,
                         uint64_t number);

/* A member or invited person by name, without case; NULL: none. */
const struct membership_person *group_person(const struct group *g, struct slice name);

#endif
