/*
 * scene.h - everything that is on the screen at one moment, and how it is painted: title, rooms, timeline,
 * members, notice, status, input. Pure: window.c fills it in, tests do the same and compare the grid.
 */
#ifndef WINDOW_SCENE_H
#define WINDOW_SCENE_H

#include "layout.h"
#include "moves.h"
#include "rooms.h"
#include "timeline_view.h"

/* A line of the members pane. */
struct scene_member {
    char sign; /* '@' instructor or owner, '%' assistant, '+' … ; ' ' */
    bool present;
    char name[NAME_SIZE];
    char words[32]; /* "you", "away" */
};

/* A list over the timeline, of which one line is chosen. */
struct scene_item {
    char room[NAME_SIZE], text[256];
};
struct scene_list {
    const char *head;        /* NULL: there is no list */
    const char *none;        /* says that it is empty */
    struct scene_item *item;
    size_t n, chosen;
};

struct scene {
    struct rooms *rooms;
    struct layout_wish wish;
    const char *me;
    struct scene_list list;
    int64_t selected;    /* the entry that is chosen; INT64_MAX: none */
    const char *count;   /* "38 on", "3 in, 2 on"; in the title and above the members */
    const struct scene_member *member;
    size_t members;
    const struct moves *moves; /* NULL: none */
    unsigned offers;     /* of files, about which nothing was done */
    unsigned outbox;     /* own messages that wait */
    const char *link;    /* "connected", "retry 2 s" */
    bool link_down;
    uint64_t now_ms;     /* since 1970 */
    const char *time_format; /* as by strftime(3) */
    struct slice notice; /* lines, filtered; may be empty */
    const char *find;    /* searched for, or empty */
    const char *prompt;
    const char *input;   /* being typed: lines are separated by newlines */
    size_t cursor;       /* byte in input */
    bool secret;         /* the input is not shown */
};

/* The layout that the scene gets on a screen of this size. */
struct layout scene_layout(const struct scene *sc, unsigned cols, unsigned rows);
/* How a timeline looks in it. */
struct timeline_look scene_look(const struct scene *sc, const struct layout *l);

/* Paints all of it, the cursor included. True as timeline_paint(). */
bool scene_paint(const struct scene *sc, struct screen *s);

#endif
