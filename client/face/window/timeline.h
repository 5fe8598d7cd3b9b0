/*
 * timeline.h - the lines of one conversation, oldest first, and the place in them that is being read. Pure:
 * no store, no terminal. Texts have passed show.h; timeline_view.h paints them.
 *
 * An entry is known by an id that stays while older ones are put in front of it and newer ones behind.
 */
#ifndef WINDOW_TIMELINE_H
#define WINDOW_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "name.h"

enum {
    TIMELINE_MAX = 200000, /* entries in memory; beyond, the oldest go, and are read again when wanted */
    TIMELINE_FROM = 48,    /* a name, filtered and cut */
    FOLD_NAMES = 3,        /* people named in a folded line */
};

enum entry_kind {
    ENTRY_SAYS,
    ENTRY_ACTS,     /* /me */
    ENTRY_SYSTEM,   /* *** */
    ENTRY_PRESENCE, /* people who came and went, folded */
    ENTRY_OUTPUT,   /* what a command answers */
    ENTRY_ERROR,
    ENTRY_HINT,
};

/* What became of an own message; the marks beside it. */
enum entry_mark {
    MARK_NONE,
    MARK_WAITS,     /* -  in the outbox */
    MARK_STORED,    /* +  at the server, durably */
    MARK_DELIVERED, /* ++ with everybody who is present */
    MARK_READ,      /* ## */
    MARK_REFUSED,   /* !  and the note says why */
};

/* Who came or went, folded. */
struct fold {
    char name[FOLD_NAMES][NAME_SIZE];
    unsigned n; /* all of them */
};

/* What is missing right before a line. */
struct gap {
    uint64_t before, missing; /* numbers: of that line, and how many */
    uint64_t place;           /* of that line in the history */
    enum { GAP_OPEN, GAP_ASKED, GAP_GONE } state;
};

struct entry {
    enum entry_kind kind;
    enum entry_mark mark;
    bool own, mention;
    uint64_t time_ms; /* since 1970 */
    uint64_t number;  /* short name in this conversation; 0: none yet */
    uint64_t sent;    /* own messages: the number that the client gave; 0: of somebody else */
    char from[TIMELINE_FROM];
    char *text, *note; /* allocated; note: a line underneath, or NULL */
    struct fold *joined, *left; /* of PRESENCE; else NULL */
    struct gap *gap;            /* this line stands for what is missing; else NULL */
};

struct timeline {
    struct entry **entry;
    size_t n, cap;
    int64_t first;  /* id of entry[0] */
    int64_t unread; /* id of the first that was not read yet; INT64_MAX: none */
    /* The view: its last line is line `skip` from the end of the entry `bottom`. */
    bool scrolled; /* false: follows what comes */
    int64_t bottom;
    unsigned skip;
    bool complete; /* there is nothing older than entry[0] */
    bool shed;     /* older ones have been here, and have gone */
};

/* Zero-initialise and timeline_init(); timeline_free() in the end. */
void timeline_init(struct timeline *t);
void timeline_free(struct timeline *t);
/* Forgets all entries. */
void timeline_clear(struct timeline *t);

/* An entry of this kind with a copy of the text; the caller fills in the rest, then adds it, which takes it. */
struct entry *entry_new(enum entry_kind kind, const char *from, const char *text, uint64_t time_ms);
void entry_note(struct entry *e, const char *note);
void entry_text(struct entry *e, const char *text);
void entry_gap(struct entry *e, const struct gap *gap);
void entry_free(struct entry *e);

void timeline_add(struct timeline *t, struct entry *e);
/* Puts n older entries in front, oldest first. */
void timeline_add_older(struct timeline *t, struct entry **older, size_t n);

/* Puts n entries, which it takes, in the place of one; the ids of older ones become smaller by n - 1. */
void timeline_fill(struct timeline *t, int64_t id, struct entry **found, size_t n);

/* NULL: not, or not any more. */
struct entry *timeline_get(const struct timeline *t, int64_t id);
int64_t timeline_end(const struct timeline *t); /* the id behind the last */
/* The newest own message with this number, among the last few thousand. */
struct entry *timeline_sent(const struct timeline *t, uint64_t sent, int64_t *id);

/*
 * The server has given an own message its place: it goes behind all others, which is where everybody has it.
 * False: it is not here.
 */
bool timeline_place(struct timeline *t, uint64_t sent, uint64_t number, uint64_t time_ms);

/* People came (or went) at this time: joins the last line when that is of the same kind. */
void timeline_presence(struct timeline *t, bool came, const char *name, unsigned more, uint64_t time_ms);

/* Everything up to here has been read; or from now on, what comes is unread. */
void timeline_mark_read(struct timeline *t);
void timeline_mark_unread(struct timeline *t);
size_t timeline_unread(const struct timeline *t); /* messages behind the mark */

/*
 * The next entry with this text, without case, from an id on towards older ones, `most` of them at the most.
 * INT64_MAX: none; *from is the id to go on from then.
 */
int64_t timeline_find(const struct timeline *t, const char *text, int64_t *from, size_t most);

#endif
