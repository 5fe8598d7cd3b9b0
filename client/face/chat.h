/*
 * chat.h - the conversation: lines in, events in, lines out. It knows no terminal and no socket:
 * plain.c feeds it and prints, tests do the same.
 */
#ifndef FACE_CHAT_H
#define FACE_CHAT_H

#include "../client.h"
#include "chat_files.h"
#include "name.h"
#include "config.h"
#include "names.h"
#include "shown.h"

enum { CHAT_ECHOES = 64 };

/* What only a face with several conversations on a screen can do. */
enum chat_view { CHAT_VIEW_WINDOW, CHAT_VIEW_CLOSE, CHAT_VIEW_BARE, CHAT_VIEW_EDITOR, CHAT_VIEW_SEARCH };

/* What the conversation asks of its client; tests put their own in. */
struct chat_ops {
    int (*send)(void *arg, uint8_t kind, const char *to, uint8_t form, struct slice text,
                uint64_t *id);
    int (*list)(void *arg);
    int (*about)(void *arg, const char *name);
    int (*away)(void *arg, bool away, const char *text);
    int (*group)(void *arg, uint8_t op, const char *room);
    int (*accept)(void *arg, const char *name); /* client_accept() */
    int (*why)(void *arg, uint64_t number);     /* client_why() */
    void (*seen)(void *arg, const struct vault_row *row); /* client_shown() */
    int (*order)(void *arg, const struct client_group_order *order);
    int (*groups)(void *arg, bool open);
    int (*members)(void *arg, const char *room);
    int (*moderate)(void *arg, uint8_t act, const char *name, uint32_t seconds, const char *reason);
    /* client_admit() and what belongs to it */
    enum client_may (*admit)(void *arg);
    enum client_may (*admit_code)(void *arg, const char *code, bool with_account_key);
    void (*admit_end)(void *arg);
    /* client_put() and what belongs to it */
    enum client_file_result (*put)(void *arg, const struct client_put *put, uint64_t *id, struct why *why);
    enum client_file_result (*get)(void *arg, uint64_t id, const char *path, struct why *why);
    enum client_file_result (*decline)(void *arg, uint64_t id, struct why *why);
    void (*accept_offers)(void *arg);
    void (*connect)(void *arg);
    void (*disconnect)(void *arg);
    void (*clear)(void *arg);
    void (*ring)(void *arg, const char *from); /* what this person wrote calls, by `notify`; NULL is fine */
    void (*quit)(void *arg);
    bool (*view)(void *arg, enum chat_view what, const char *rest); /* false: this face cannot; NULL is fine */
    void (*configured)(void *arg); /* a setting, an alias or a bound key has changed */
    /* One piece of output, without newline at its end, safe for a terminal. */
    void (*print)(void *arg, const char *text);
};

/* An own message, until its state has come. */
struct chat_sent {
    uint64_t id;
    bool room, settled;
    enum client_wait waits; /* what was said of it; 0: nothing */
    char to[NAME_SIZE];
};

struct chat {
    const struct chat_ops *ops;
    void *arg;
    struct vault *vault; /* messages are read from its history */
    struct shown *shown;
    struct config *config; /* NULL: as by default, and nothing can be set */
    char me[NAME_SIZE];
    uint64_t device;
    char target[NAME_SIZE]; /* "#lobby", a group or a user; empty: nobody is talked to */
    char last_from[NAME_SIZE];
    bool in_lobby, connected;
    bool screen; /* it shows by itself who is talked to, and where own messages are */
    bool listing;                       /* /who was typed: show the list that comes */
    unsigned asking;                    /* answers still to come */
    unsigned listing_groups;            /* lists of /list that are still to come */
    uint8_t standing;                   /* WIRE_STATE_* as last told */
    unsigned alias_depth;               /* aliases within aliases, now */
    char held[16];                      /* a line like " /msg" was held back: its word */
    struct names names;                 /* for completion */
    struct chat_sent sent[CHAT_ECHOES]; /* a ring */
    unsigned sent_n;
    struct chat_files files;
};

/* A conversation of this user with the lobby. Everything else of c may be filled in after. */
void chat_init(struct chat *c, const struct chat_ops *ops, void *arg, const char *me);
void chat_free(struct chat *c);

/* A line the user typed. */
void chat_line(struct chat *c, const char *line);
/* Says a text to somebody or to a room. */
void chat_say(struct chat *c, const char *to, uint8_t form, const char *text);
/* What happened. */
void chat_event(struct chat *c, const struct client_event *e);
/* Prints what was received and not shown yet. */
void chat_show_rows(struct chat *c);

/* Prints a line made of our own words (printf). */
void chat_print(struct chat *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void chat_error(struct chat *c, const char *what, const char *hint);

#endif
