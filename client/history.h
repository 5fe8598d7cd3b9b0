/*
 * history.h - reading what was said: each room or person backwards and forwards, own messages with their state
 * among those that came, and searching all of it. For stores of vault_open(); one in memory has no history, and
 * every function here says so by 0.
 *
 * A conversation has the name of its room ("#lobby", "#chess") or of the other person; case does not matter.
 * Its lines have one order that does not change: in a room the server's numbers, so that what is filled in later
 * stands where it belongs, else as it became known here. Own messages of a room that the server has not shown yet
 * stand at the end, and move to their number with it.
 *
 * vault_owner() must have been told once. Slices are valid until the next call on the store. -1: the disk failed, vault_words() says how.
 */
#ifndef CLIENT_HISTORY_H
#define CLIENT_HISTORY_H

#include "vault.h"

/* A place between the lines of a conversation. */
struct history_at {
    uint64_t place, line;
};
static const struct history_at HISTORY_START = {0, 0}, HISTORY_END = {INT64_MAX, INT64_MAX};

struct history_line {
    struct history_at at;
    struct slice with; /* the conversation, in lower case */
    bool own;          /* by this account: */
    uint64_t number;   /* its number, 0 when another device has sent it, … */
    int state;         /* … its state as of vault_state(), WIRE_STATE_ACCEPTED then */
    uint64_t row;      /* of vault_history(), 0 when it is not among what came */
    uint64_t missing;  /* so many numbers of the lobby right before it are not here */
    enum vault_how how;
    struct wire_deliver m; /* id: of an own one its number */
};

/* The last line before a place, the first one after it: 1, or 0 when there is none. */
int history_before(struct vault *s, const char *with, struct history_at at, struct history_line *out);
int history_after(struct vault *s, const char *with, struct history_at at, struct history_line *out);

/* What is looked for. */
struct history_query {
    const char *words; /* all of them, each at the beginning of a word; several in quotes: one after the other */
    const char *with;  /* in this conversation; NULL: in all */
    uint64_t since_ms; /* not before this time */
};

/*
 * The newest line that fits and came before the line `before` (its at.line; UINT64_MAX: the newest of all): 1, or
 * 0. What the index has not got yet is put into it first: history_index().
 */
int history_find(struct vault *s, const struct history_query *q, uint64_t before, struct history_line *out);

/*
 * Puts at most n lines into the index, each search does so with all of them: 1 there are more, 0. In a locked
 * store the index is in memory and lives as long as the store is open: on disk it would betray the words.
 */
int history_index(struct vault *s, unsigned n);

/* A conversation of the list. */
struct history_conversation {
    char name[VAULT_NAME]; /* in lower case */
    struct history_at last;
    uint64_t last_ms, lines, unseen; /* unseen: lines of others after what was seen */
};

/* The first conversation after out->name by the alphabet ("" begins): 1, or 0. */
int history_next_conversation(struct vault *s, struct history_conversation *out);

/* Everything up to this place has been seen by the person; it never goes back, nor behind what waits at the end. */
int history_seen(struct vault *s, const char *with, struct history_at upto);
/* That place, HISTORY_START when nothing was: 1, or 0 when there is no such conversation. */
int history_seen_upto(struct vault *s, const char *with, struct history_at *upto);

#endif
