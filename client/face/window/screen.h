/*
 * screen.h - what is to be seen, as a grid of cells in memory: everything paints into it, terminal.c copies
 * it out, tests compare it. Nothing here knows a terminal.
 */
#ifndef WINDOW_SCREEN_H
#define WINDOW_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* What a piece of text is; palette.h says how that looks. */
enum style {
    STYLE_TEXT,
    STYLE_DIM,     /* times, system lines */
    STYLE_BAR,     /* title and status line */
    STYLE_ALERT,   /* in a bar: the key has changed, the link is down */
    STYLE_ERROR,
    STYLE_HINT,
    STYLE_OWN,     /* one's own name and marks */
    STYLE_MENTION,
    STYLE_UNREAD,  /* a room with messages */
    STYLE_HERE,    /* the room that is open */
    STYLE_HEAD,    /* headings of panes */
    STYLE_FOUND,   /* what was searched for */
    STYLE_LINK,
    STYLE_RULE,    /* lines: terminal.c draws - and | as such */
    STYLE_NEW,     /* the rule above what is unread */
    STYLE_NICK,    /* this and the next five: people */
    STYLE_NICK_LAST = STYLE_NICK + 5,
    STYLES
};

enum {
    CELL_MARKS = 4,  /* combining marks that are drawn */
    CELL_BYTES = 24, /* a character, its marks, a terminator */
};

/* text is empty in the right half of a wide character. */
struct cell {
    char text[CELL_BYTES];
    uint8_t width; /* 1, 2; 0: the right half */
    uint8_t style;
    uint16_t link; /* 0: none; else which of the screen's */
};

struct screen {
    unsigned cols, rows;
    struct cell *cell; /* rows times cols */
    unsigned cursor_col, cursor_row;
    struct buf links; /* one behind the other, each terminated */
    uint16_t n_links;
};

/* A part of a screen. What does not fit into it is cut. */
struct area {
    unsigned col, row, cols, rows;
};

/* Blank, of this size. Zero-initialise before the first time. */
void screen_size(struct screen *s, unsigned cols, unsigned rows);
void screen_free(struct screen *s);
/* Makes everything blank. */
void screen_clear(struct screen *s);

const struct cell *screen_cell(const struct screen *s, unsigned col, unsigned row);

/*
 * Puts a text into a row of an area, from its column col on, up to its right edge or `cells` cells. A wide
 * character that would stand half outside is left out. Gives the column behind it.
 */
unsigned screen_put(struct screen *s, struct area a, unsigned col, unsigned row, enum style style,
                    struct slice text, unsigned cells);
/* The same of a whole string, up to the edge. */
unsigned screen_puts(struct screen *s, struct area a, unsigned col, unsigned row, enum style style,
                     const char *text);

/* Fills the rest of a row of an area with one character of one cell. */
void screen_fill(struct screen *s, struct area a, unsigned col, unsigned row, enum style style, char what);

/* Gives cells that are there already another style. */
void screen_paint(struct screen *s, struct area a, unsigned col, unsigned row, unsigned cells, enum style style);

/* Cells that are there already become part of a link; its address is printable ASCII. */
void screen_link(struct screen *s, struct area a, unsigned col, unsigned row, unsigned cells, struct slice address);
/* The address of a link. */
const char *screen_address(const struct screen *s, uint16_t link);

/* The rows as lines of text, trailing blanks left out: for tests. */
void screen_text(const struct screen *s, struct buf *out);

#endif
