/* panes_files.c - files on their way: below the rooms, or as lines above the status line; see panes.h. */
#include <stdio.h>
#include <string.h>

#include "panes.h"
#include "width.h"

enum { MOVE_ROWS = 3, LINES_MOST = 3 };

static void put_text(struct screen *s, struct area a, unsigned row, enum style style, struct buf *text)
{
    char cut[256];
    buf_put_u8(text, 0);
    width_cut(cut, sizeof cut, (const char *)buf_head(text), a.cols);
    screen_puts(s, a, 0, row, style, cut);
    buf_free(text);
}

/* Its name, its bar, its rate. */
static void put_move(struct screen *s, struct area a, unsigned row, const struct move *m)
{
    struct buf name = {0}, bar = {0}, rate = {0};
    buf_put(&name, m->own ? "> " : "< ", 2);
    buf_put(&name, m->name, strlen(m->name));
    buf_put(&bar, "  ", 2);
    buf_put(&rate, "  ", 2);
    move_bar(m, &bar);
    move_rate(m, &rate);
    put_text(s, a, row, STYLE_TEXT, &name);
    put_text(s, a, row + 1, STYLE_OWN, &bar);
    put_text(s, a, row + 2, STYLE_DIM, &rate);
}

unsigned panes_moves(const struct scene *sc, struct screen *s, struct area a)
{
    size_t most = a.rows / 2 / MOVE_ROWS, n = sc->moves && sc->wish.moves ? sc->moves->n : 0;
    if (n > most) n = most;
    if (n == 0) return 0;
    unsigned taken = (unsigned)n * MOVE_ROWS + 2;
    a.row += a.rows - taken + 1;
    a.rows = taken - 1;
    panes_head(s, a, 0, "TRANSFERS", "F6");
    for (size_t i = 0; i < n; i++)
        put_move(s, a, 1 + (unsigned)i * MOVE_ROWS, &sc->moves->v[i]);
    return taken;
}

unsigned moves_lines(const struct scene *sc, unsigned cols)
{
    if (!sc->moves || !sc->wish.moves || layout_shows_rooms(cols, &sc->wish)) return 0;
    return sc->moves->n < LINES_MOST ? (unsigned)sc->moves->n : LINES_MOST;
}

void moves_paint(const struct scene *sc, struct screen *s, struct area a)
{
    for (unsigned row = 0; row < a.rows; row++) {
        const struct move *m = &sc->moves->v[row];
        char name[MOVE_NAME];
        struct buf line = {0}, end = {0};
        buf_put(&end, " ", 1);
        move_bar(m, &end);
        buf_put(&end, " ", 1);
        move_rate(m, &end);
        buf_put_u8(&end, 0);
        unsigned n = width_text((char *)buf_head(&end), buf_len(&end) - 1);
        width_cut(name, sizeof name, m->name, a.cols > n + 5 ? a.cols - n - 5 : 0); /* the name is what is cut */
        buf_put(&line, m->own ? " put " : " get ", 5);
        buf_put(&line, name, strlen(name));
        buf_put(&line, buf_head(&end), buf_len(&end) - 1);
        buf_free(&end);
        put_text(s, a, row, STYLE_HINT, &line);
    }
}
