/*
 * layout.h - where things stand on a terminal of a given size. Pure.
 *
 *   from 110 columns   rooms | timeline | members
 *   from 90            rooms | timeline
 *   less               the timeline alone; under 60 columns without times
 *   from 5 rows        title, timeline, status, input; under that input alone grows scarce last
 */
#ifndef WINDOW_LAYOUT_H
#define WINDOW_LAYOUT_H

#include "screen.h"

enum {
    LAYOUT_COLS = 16, /* a terminal that is smaller is treated as this large; what is outside is cut */
    LAYOUT_ROWS = 4,
};

/* What the user wants to see beside the timeline. */
struct layout_wish {
    bool rooms, members; /* the panes, where there is room for them */
    bool moves;          /* files on their way, wherever there is room */
    bool bare;           /* the timeline alone, from edge to edge, for copying */
    unsigned input;      /* lines that the input has */
    unsigned notice;     /* lines above the status line: completions, a question, transfers */
};

/* An area of no rows or columns is not shown. */
struct layout {
    struct area title, rooms, timeline, members, notice, status, input;
    bool times;    /* there is room for the time of each line */
    unsigned name; /* columns for names in the timeline */
};

bool layout_shows_rooms(unsigned cols, const struct layout_wish *wish);

struct layout layout_fit(unsigned cols, unsigned rows, const struct layout_wish *wish);

#endif
