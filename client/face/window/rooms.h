/*
 * rooms.h - the conversations that are open: console, lobby, groups, people, in this order; what happened in
 * each since it was last looked at. Pure.
 */
#ifndef WINDOW_ROOMS_H
#define WINDOW_ROOMS_H

#include "../../history.h"
#include "timeline.h"

enum { ROOMS_MAX = 256, ROOM_WORDS = 256 };

enum room_kind { ROOM_CONSOLE, ROOM_LOBBY, ROOM_GROUP, ROOM_PERSON, ROOM_KINDS };

/* What a conversation has to say for itself, more important last. */
enum activity { ACTIVITY_NONE, ACTIVITY_PRESENCE, ACTIVITY_MESSAGE, ACTIVITY_DIRECT, ACTIVITY_MENTION };

struct room {
    enum room_kind kind;
    char name[NAME_SIZE]; /* as a target of chat.h; "console" */
    struct timeline lines;
    enum activity activity;
    unsigned unread, calls;  /* messages; those of them that call for this user */
    uint64_t since;          /* when activity rose, as a count */
    char *draft;             /* what was being typed here, or NULL */
    char topic[ROOM_WORDS];  /* filtered */
    char trust[ROOM_WORDS];  /* who can read it, and are the keys right */
    bool alarm;              /* trust is to stand out */
    bool stale;              /* topic, trust and members are to be looked up */
    bool loaded;             /* the newest page of its history is in lines */
    struct history_at oldest; /* the place before which older lines are to be read */
    uint64_t newest_row;     /* the newest history row that came with a page */
};

struct rooms {
    struct room *room[ROOMS_MAX];
    size_t n, open, last; /* open: the one on screen; last: the one before */
    uint64_t count;
};

/* Console and lobby; the lobby is open. */
void rooms_init(struct rooms *r);
void rooms_free(struct rooms *r);

/* By name, without case; NULL. */
struct room *rooms_find(const struct rooms *r, const char *name);
/* The same, made when it is not there: `#x` a group, else a person. The console when there are too many. */
struct room *rooms_want(struct rooms *r, const char *name);
struct room *rooms_console(const struct rooms *r);
struct room *rooms_current(const struct rooms *r);
/* Its number in the list, from 1. */
size_t rooms_number(const struct rooms *r, const struct room *room);

/* Shows another one: what was unread in the one that is left is read; the new one has no activity any more. */
void rooms_open(struct rooms *r, size_t index);
/* Nothing of it is unread any more, without its having been opened. */
void rooms_seen(struct room *room);
/* Forgets a group or a person; the one before is opened. False for console and lobby. */
bool rooms_close(struct rooms *r, size_t index);

/* The one that needs a look first; r->n: none. */
size_t rooms_most_active(const struct rooms *r);

/* A message has come and was added: `calls` when it is for this user. */
void rooms_message(struct rooms *r, struct room *room, bool calls);
/* Something less has happened. */
void rooms_activity(struct rooms *r, struct room *room, enum activity activity);

#endif
