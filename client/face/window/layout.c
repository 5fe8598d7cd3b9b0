/* layout.c - see layout.h. */
#include "layout.h"

enum {
    ROOMS_COLS = 20,
    MEMBERS_COLS = 26,
    ROOMS_FROM = 90,    /* columns of the terminal from which the panes stand there */
    MEMBERS_FROM = 110,
    TIMES_FROM = 50,    /* columns of the timeline */
    WIDE_NAMES_FROM = 70,
};

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Takes rows off the bottom of what is left, never the last row. */
static struct area take_bottom(struct area *left, unsigned rows)
{
    rows = least(rows, left->rows - 1);
    left->rows -= rows;
    return (struct area){left->col, left->row + left->rows, left->cols, rows};
}

bool layout_shows_rooms(unsigned cols, const struct layout_wish *wish)
{
    return wish->rooms && cols >= ROOMS_FROM;
}

/* Panes stand beside the timeline, a column of rule between them. */
static void take_panes(struct layout *l, unsigned cols, const struct layout_wish *wish)
{
    struct area *t = &l->timeline;
    if (layout_shows_rooms(cols, wish)) {
        l->rooms = (struct area){t->col, t->row, ROOMS_COLS, t->rows};
        t->col += ROOMS_COLS + 1;
        t->cols -= ROOMS_COLS + 1;
    }
    if (wish->members && cols >= MEMBERS_FROM) {
        t->cols -= MEMBERS_COLS + 1;
        l->members = (struct area){t->col + t->cols + 1, t->row, MEMBERS_COLS, t->rows};
    }
}

struct layout layout_fit(unsigned cols, unsigned rows, const struct layout_wish *wish)
{
    struct layout l = {0};
    if (cols < LAYOUT_COLS) cols = LAYOUT_COLS;
    if (rows < LAYOUT_ROWS) rows = LAYOUT_ROWS;
    struct area left = {0, 0, cols, rows};
    if (!wish->bare) {
        unsigned most = rows / 3 ? rows / 3 : 1;
        l.input = take_bottom(&left, least(wish->input ? wish->input : 1, most));
        l.status = take_bottom(&left, 1);
        l.title = (struct area){0, 0, cols, 1};
        left.row = 1;
        left.rows -= 1;
        l.notice = take_bottom(&left, least(wish->notice, most));
    }
    l.timeline = left;
    if (!wish->bare) take_panes(&l, cols, wish);
    l.times = l.timeline.cols >= TIMES_FROM;
    l.name = l.timeline.cols >= WIDE_NAMES_FROM ? 9 : l.timeline.cols >= TIMES_FROM ? 8 : 6;
    return l;
}
