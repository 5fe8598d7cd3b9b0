/* screen.c - see screen.h. */
#include "screen.h"

#include <stdlib.h>
#include <string.h>

#include "../../show.h"
#include "log.h"
#include "width.h"

static const struct cell blank = {.text = " ", .width = 1, .style = STYLE_TEXT};

void screen_clear(struct screen *s)
{
    for (size_t i = 0; i < (size_t)s->cols * s->rows; i++)
        s->cell[i] = blank;
    s->cursor_col = s->cursor_row = 0;
    buf_drop(&s->links, buf_len(&s->links));
    s->n_links = 0;
}

void screen_size(struct screen *s, unsigned cols, unsigned rows)
{
    screen_free(s);
    s->cols = cols;
    s->rows = rows;
    s->cell = xcalloc((size_t)cols * rows + 1, sizeof *s->cell);
    screen_clear(s);
}

void screen_free(struct screen *s)
{
    free(s->cell);
    buf_free(&s->links);
    *s = (struct screen){0};
}

static struct cell *at(const struct screen *s, unsigned col, unsigned row)
{
    return &s->cell[(size_t)row * s->cols + col];
}

const struct cell *screen_cell(const struct screen *s, unsigned col, unsigned row)
{
    return at(s, col, row);
}

/* Half of a wide character that is written over leaves nothing behind. */
static void clear_halves(struct screen *s, unsigned col, unsigned row, unsigned width)
{
    struct cell *c = at(s, col, row);
    if (c->width == 0 && col > 0) c[-1] = blank;
    if (col + width < s->cols && c[width].width == 0) c[width] = blank;
}

static void put_cell(struct screen *s, unsigned col, unsigned row, unsigned width, enum style style,
                     const char *text, size_t n)
{
    struct cell *c = at(s, col, row);
    clear_halves(s, col, row, width);
    *c = (struct cell){.width = (uint8_t)width, .style = (uint8_t)style};
    memcpy(c->text, text, n);
    if (width == 2) c[1] = (struct cell){.width = 0, .style = (uint8_t)style};
}

/* How text presentation is chosen: terminals do not agree on the width that follows. */
static bool is_selector(int32_t cp)
{
    return cp == 0xFE0E || cp == 0xFE0F;
}

/* A mark on the character that was put last. */
static void put_mark(struct cell *c, const char *text, size_t n)
{
    size_t used = strlen(c->text);
    unsigned marks = 0;
    for (size_t i = 1; i < used; i++)
        marks += ((unsigned char)c->text[i] & 0xC0) != 0x80;
    if (marks < CELL_MARKS && used + n < CELL_BYTES) memcpy(c->text + used, text, n);
}

static void put_blanks(struct screen *s, unsigned col, unsigned row, unsigned n, enum style style)
{
    for (unsigned i = 0; i < n; i++)
        put_cell(s, col + i, row, 1, style, " ", 1);
}

/*
 * One cluster, which fits. What is typed or pasted has not passed show.h: what it would not let through is
 * not drawn.
 */
static void put_cluster(struct screen *s, unsigned col, unsigned row, enum style style, const char *text, size_t n)
{
    struct cell *last = NULL;
    int32_t cp;
    for (size_t i = 0, len; i < n; i += len) {
        len = width_char(text + i, n - i, &cp);
        unsigned w = cp < 0 ? 0 : width_of(cp);
        bool safe = cp >= 0 && !show_unsafe(cp);
        if (w) {
            put_cell(s, col, row, w, style, safe ? text + i : "??", safe ? len : w);
            last = at(s, col, row);
            col += w;
        } else if (last && safe && !is_selector(cp))
            put_mark(last, text + i, len);
    }
}

unsigned screen_put(struct screen *s, struct area a, unsigned col, unsigned row, enum style style,
                    struct slice text, unsigned cells)
{
    const char *p = (const char *)text.data;
    if (row >= a.rows || a.row + row >= s->rows || col >= a.cols) return col;
    unsigned edge = cells < a.cols - col ? col + cells : a.cols;
    if (a.col + edge > s->cols) edge = s->cols > a.col ? s->cols - a.col : 0;
    for (size_t i = 0; i < text.len;) {
        struct cluster c = cluster_at(p + i, text.len - i);
        if (col + c.cells > edge) break;
        if (p[i] == '\t')
            put_blanks(s, a.col + col, a.row + row, c.cells, style);
        else
            put_cluster(s, a.col + col, a.row + row, style, p + i, c.bytes);
        col += c.cells;
        i += c.bytes;
    }
    return col;
}

unsigned screen_puts(struct screen *s, struct area a, unsigned col, unsigned row, enum style style, const char *text)
{
    return screen_put(s, a, col, row, style, (struct slice){(const uint8_t *)text, strlen(text)}, a.cols);
}

void screen_fill(struct screen *s, struct area a, unsigned col, unsigned row, enum style style, char what)
{
    for (; col < a.cols; col++)
        screen_put(s, a, col, row, style, (struct slice){(const uint8_t *)&what, 1}, 1);
}

void screen_paint(struct screen *s, struct area a, unsigned col, unsigned row, unsigned cells, enum style style)
{
    if (row >= a.rows || a.row + row >= s->rows) return;
    for (; cells && col < a.cols && a.col + col < s->cols; col++, cells--)
        at(s, a.col + col, a.row + row)->style = (uint8_t)style;
}

void screen_link(struct screen *s, struct area a, unsigned col, unsigned row, unsigned cells, struct slice address)
{
    if (row >= a.rows || a.row + row >= s->rows || s->n_links == UINT16_MAX) return;
    buf_put(&s->links, address.data, address.len);
    buf_put_u8(&s->links, 0);
    s->n_links++;
    for (; cells && col < a.cols && a.col + col < s->cols; col++, cells--) {
        at(s, a.col + col, a.row + row)->style = STYLE_LINK;
        at(s, a.col + col, a.row + row)->link = s->n_links;
    }
}

const char *screen_address(const struct screen *s, uint16_t link)
{
    const char *address = (const char *)buf_head(&s->links);
    while (--link)
        address += strlen(address) + 1;
    return address;
}

void screen_text(const struct screen *s, struct buf *out)
{
    for (unsigned row = 0; row < s->rows; row++) {
        size_t end = buf_len(out);
        for (unsigned col = 0; col < s->cols; col++) {
            const struct cell *c = at(s, col, row);
            buf_put(out, c->text, strlen(c->text));
            if (c->width && strcmp(c->text, " ") != 0) end = buf_len(out);
        }
        out->len = out->off + end;
        buf_put_u8(out, '\n');
    }
}
