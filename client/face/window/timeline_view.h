/*
 * timeline_view.h - paints a timeline, and moves about in it. Pure.
 *
 *   14:03      bob | does accept() race between the workers?                 40
 *   14:05    alice | here                                                    43 ++
 *                  |  frank is away: stored, 3rd in his queue
 *
 * Day changes and the rule above what is unread stand between entries and belong to the one below them.
 */
#ifndef WINDOW_TIMELINE_VIEW_H
#define WINDOW_TIMELINE_VIEW_H

#include "screen.h"
#include "timeline.h"

struct timeline_look {
    struct area area;
    bool times;       /* show the time of each line */
    const char *time_format; /* as by strftime(3) */
    bool bare;        /* no rules, nothing to the right: for copying */
    unsigned name;    /* columns for names */
    const char *find; /* what is searched for, or empty */
    int64_t selected; /* the entry that is chosen; INT64_MAX: none */
};

/* Paints. True: the view has come to the oldest entry, and more should be read. */
bool timeline_paint(struct timeline *t, struct screen *s, const struct timeline_look *look);

/* Moves the view by lines, back in time when positive; it stops at both ends. */
void timeline_scroll(struct timeline *t, const struct timeline_look *look, int lines);

/* Moves the view to an entry. */
void timeline_show(struct timeline *t, const struct timeline_look *look, int64_t id);

/* Is all of an entry, or the end of one that is higher, in the view? */
bool timeline_sees(const struct timeline *t, const struct timeline_look *look, int64_t id);

/* The last line in the view that stands for what is missing and was not asked about; INT64_MAX: none. */
int64_t timeline_gap(const struct timeline *t, const struct timeline_look *look);

/* How many messages stand below the view. */
size_t timeline_below(const struct timeline *t);

#endif
