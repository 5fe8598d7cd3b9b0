/*
 * plain.h - what plain.c (the loop) and the faces on a terminal share: editor.c (lines above a line being
 * typed) and window/ (the full screen).
 */
#ifndef FACE_PLAIN_H
#define FACE_PLAIN_H

#include "chat.h"
#include "errand.h"
#include "window/notify.h"

struct plain;
struct window;

/* What a face on a terminal does; NULL where it has nothing to do. */
struct face {
    /* Before the first connection; prints go to the face from here on, and received rows are its business. */
    void (*begin)(struct plain *p);
    bool (*open)(struct plain *p, struct why *why); /* takes the terminal; lines arrive by chat_line() */
    void (*close)(struct plain *p);                 /* gives it back */
    void (*key)(struct plain *p);                   /* a key is waiting */
    void (*interrupt)(struct plain *p);             /* Ctrl-C */
    void (*resize)(struct plain *p);
    void (*suspend)(struct plain *p); /* Ctrl-Z: gives the terminal back, stops, takes it again */
    void (*print)(struct plain *p, const char *text);
    void (*clear)(struct plain *p);
    bool (*view)(struct plain *p, enum chat_view what, const char *rest);     /* see chat.h */
    void (*configured)(struct plain *p); /* settings or bound keys have changed */
    void (*ran)(struct plain *p);        /* a bound key has carried out a line */
    /* A message was taken from whoever types. */
    void (*sent)(struct plain *p, const char *to, uint8_t form, struct slice text, uint64_t number);
    void (*event)(struct plain *p, const struct client_event *e); /* instead of chat_event() */
    int (*timeout_ms)(struct plain *p);                           /* until turn() has something to do; -1: not */
    void (*turn)(struct plain *p);                                /* at the end of every turn of the loop */
};

extern const struct face editor_face, window_face;

struct plain {
    struct errand s;
    struct chat chat;
    struct shown shown;
    const struct face *face; /* NULL: lines to and from pipes */
    struct window *window;   /* of window_face */
    struct notify notify;    /* of the line by line conversation */
    bool terminal; /* keyboard and screen; else lines from a pipe */
    bool colour;
    bool ended; /* no more lines will come */
    bool receipts; /* read_receipts of the config file, as it was last */
    bool quitting;
    bool stopped;            /* /quit in a pipe: what follows is not read */
    bool gathering;          /* … several lines: their texts become durable together */
    struct buf input;        /* of a pipe: what is not a whole line yet */
    uint64_t interrupted_at; /* Ctrl-C, ms; 0: not lately */
};

/* Ctrl-C: true when it is the second within 2 s, and ends the conversation. */
bool plain_interrupted(struct plain *p);
/* Quits when input has ended, and a person leaves. */
void plain_quit(struct plain *p);

/* Binds the keys of the config file, in readline; for faces that type with it. */
void editor_keys(struct plain *p);

#endif
