/* timeline_view.c - see timeline_view.h. */
#include "timeline_view.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "links.h"
#include "width.h"

enum {
    ENTRY_LINES = 500, /* of one entry; longer ones are cut, and say so */
    RIGHT_WIDE = 10,   /* blank, number, blank, mark */
    RIGHT_NARROW = 3,
    TIME_MOST = 24, /* columns; of a longer one the rest is cut */
    TIME_TEXT = 64,
};

/* The columns of a line. */
struct columns {
    unsigned time, name, text, cells, right; /* text: where it begins; cells: how many it has */
    bool numbers;
};

static void time_text(const struct timeline_look *look, time_t t, char out[TIME_TEXT])
{
    struct tm tm;
    localtime_r(&t, &tm);
    if (strftime(out, TIME_TEXT, look->time_format, &tm) == 0) out[0] = '\0';
}

/* Every time takes as much room as one with two digits everywhere. */
static unsigned time_columns(const struct timeline_look *look)
{
    enum { DAY_S = 86400, LATE_IN_1999 = 10957 * DAY_S - 3600 * 2 };
    char text[TIME_TEXT];
    time_text(look, LATE_IN_1999, text);
    unsigned n = width_text(text, strlen(text));
    return n < TIME_MOST ? n : TIME_MOST;
}

static struct columns columns_of(const struct timeline_look *look)
{
    struct columns c = {.time = look->times ? time_columns(look) : 0};
    c.name = c.time ? c.time + 1 : 0;
    c.text = c.name + look->name + (look->bare ? 1 : 3);
    c.numbers = look->times;
    c.right = look->bare ? 0 : c.numbers ? RIGHT_WIDE : RIGHT_NARROW;
    c.cells = look->area.cols > c.text + c.right + 2 ? look->area.cols - c.text - c.right : 2;
    return c;
}

/* Only messages have something to the right: other lines go on to the edge. */
static unsigned cells_of(const struct columns *c, const struct entry *e)
{
    return e->kind == ENTRY_SAYS || e->kind == ENTRY_ACTS || e->number ? c->cells : c->cells + c->right;
}

/* --- heights --- */

static bool other_day(uint64_t a_ms, uint64_t b_ms)
{
    struct tm a, b;
    time_t ta = (time_t)(a_ms / 1000), tb = (time_t)(b_ms / 1000);
    if (ta / 60 == tb / 60) return false;
    localtime_r(&ta, &a);
    localtime_r(&tb, &b);
    return a.tm_yday != b.tm_yday || a.tm_year != b.tm_year;
}

static bool day_rule(const struct timeline *t, int64_t id)
{
    const struct entry *e = timeline_get(t, id), *before = timeline_get(t, id - 1);
    return before ? other_day(before->time_ms, e->time_ms) : t->complete;
}

static unsigned text_lines(const char *text, unsigned cells)
{
    return width_lines(text, strlen(text), cells, ENTRY_LINES);
}

/* Lines of an entry, the rules above it included. */
static unsigned lines_of(const struct timeline *t, int64_t id, const struct columns *c)
{
    const struct entry *e = timeline_get(t, id);
    return (unsigned)day_rule(t, id) + (id == t->unread) + text_lines(e->text, cells_of(c, e)) +
           (e->note ? text_lines(e->note, cells_of(c, e)) : 0);
}

/* --- painting one line --- */

struct pen {
    struct screen *s;
    const struct timeline_look *look;
    struct columns c;
    int row; /* in the area; may be outside of it */
    bool selected;
};

static bool visible(const struct pen *p)
{
    return p->row >= 0 && p->row < (int)p->look->area.rows;
}

static enum style nick_style(const char *name)
{
    uint32_t hash = 2166136261; /* FNV-1a: names of one letter's difference get other colours */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619;
    return STYLE_NICK + (hash >> 16) % 6;
}

static enum style text_style(const struct entry *e)
{
    switch (e->kind) {
    case ENTRY_SYSTEM:
    case ENTRY_PRESENCE: return STYLE_DIM;
    case ENTRY_ERROR: return STYLE_ERROR;
    case ENTRY_HINT: return STYLE_HINT;
    default: return e->mention ? STYLE_MENTION : STYLE_TEXT;
    }
}

static void rule(struct pen *p, enum style style, const char *words)
{
    unsigned n = (unsigned)strlen(words), cols = p->look->area.cols;
    if (visible(p)) {
        screen_fill(p->s, p->look->area, 1, (unsigned)p->row, style, '-');
        screen_puts(p->s, p->look->area, cols > n ? (cols - n) / 2 : 0, (unsigned)p->row,
                    style == STYLE_RULE ? STYLE_DIM : style, words);
        screen_puts(p->s, p->look->area, 0, (unsigned)p->row, style, " ");
    }
    p->row++;
}

static void put_clock(struct pen *p, const struct entry *e)
{
    char text[TIME_TEXT], cut[TIME_TEXT];
    time_text(p->look, (time_t)(e->time_ms / 1000), text);
    width_cut(cut, sizeof cut, text, p->c.time);
    screen_puts(p->s, p->look->area, 0, (unsigned)p->row, STYLE_DIM, cut);
}

static void put_name(struct pen *p, const struct entry *e)
{
    static const char *const heads[] = {[ENTRY_ACTS] = "*", [ENTRY_SYSTEM] = "***"};
    char name[TIMELINE_FROM];
    const char *from = e->kind == ENTRY_ACTS || e->kind == ENTRY_SYSTEM ? heads[e->kind] : e->from;
    unsigned n = width_cut(name, sizeof name, from, p->look->name);
    enum style style = e->kind != ENTRY_SAYS ? STYLE_DIM : e->own ? STYLE_OWN : nick_style(e->from);
    screen_puts(p->s, p->look->area, p->c.name + p->look->name - n, (unsigned)p->row, style, name);
}

static const char *mark_text(enum entry_mark m)
{
    static const char *const marks[] = {"", "-", "+", "++", "##", "!"};
    return marks[m];
}

/* "*42 ++" at the right edge. */
static void put_right(struct pen *p, const struct entry *e)
{
    char text[32] = "";
    struct area a = p->look->area;
    if (!p->c.right) return;
    if (p->c.numbers && e->number)
        snprintf(text, sizeof text, "%s%llu", e->mention ? "*" : "", (unsigned long long)e->number);
    unsigned n = (unsigned)strlen(text), edge = a.cols - 3;
    if (p->c.numbers && n <= RIGHT_WIDE - 4)
        screen_puts(p->s, a, edge - n, (unsigned)p->row, e->mention ? STYLE_MENTION : STYLE_DIM, text);
    screen_puts(p->s, a, edge + 1, (unsigned)p->row, e->mark == MARK_REFUSED ? STYLE_ERROR : STYLE_OWN,
                mark_text(e->mark));
}

/* What was searched for stands out. */
static void put_found(struct pen *p, const char *text, size_t n)
{
    const char *find = p->look->find;
    size_t len = find ? strlen(find) : 0;
    for (size_t i = 0; len && i + len <= n; i++)
        if (strncasecmp(text + i, find, len) == 0)
            screen_paint(p->s, p->look->area, p->c.text + width_text(text, i), (unsigned)p->row,
                         width_text(text + i, len), STYLE_FOUND);
}

/* Addresses of the text from `at` on that stand in this line, also those that go on in other lines. */
static void put_links(struct pen *p, const char *text, size_t at, size_t n)
{
    size_t start = 0, len;
    for (; links_next(text, &start, &len) && start < at + n; start += len) {
        size_t from = start > at ? start : at, to = start + len < at + n ? start + len : at + n;
        if (from < to)
            screen_link(p->s, p->look->area, p->c.text + width_text(text + at, from - at), (unsigned)p->row,
                        (unsigned)(to - from), (struct slice){(const uint8_t *)text + start, len});
    }
}

static void put_line(struct pen *p, enum style style, const char *text, size_t n)
{
    struct area a = p->look->area;
    unsigned row = (unsigned)p->row;
    if (!p->look->bare) screen_puts(p->s, a, p->c.text - 2, row, STYLE_RULE, p->selected ? ">" : "|");
    screen_put(p->s, a, p->c.text, row, style, (struct slice){(const uint8_t *)text, n}, a.cols);
    if (p->selected) screen_paint(p->s, a, 0, row, a.cols, STYLE_HERE);
}

/* The line of a text that begins at `at`, with what stands out in it. */
static void put_words(struct pen *p, enum style style, const char *text, size_t at, size_t n)
{
    put_line(p, style, text + at, n);
    put_links(p, text, at, n);
    put_found(p, text + at, n);
}

/* The lines of a text; head: the first of them says when, who and which. */
static void put_text(struct pen *p, const struct entry *e, enum style style, const char *text, bool head)
{
    size_t n = strlen(text), at = 0;
    unsigned lines = 0, cells = cells_of(&p->c, e);
    do {
        struct wrapped w = width_wrap(text + at, n - at, cells);
        if (visible(p)) {
            if (head && lines == 0 && p->look->times) put_clock(p, e);
            if (head && lines == 0) put_name(p, e);
            if (head && lines == 0) put_right(p, e);
            if (lines == ENTRY_LINES - 1 && at + w.next < n)
                put_line(p, STYLE_DIM, "... longer than is shown", 24);
            else
                put_words(p, style, text, at, w.bytes);
        }
        p->row++;
        at += w.next;
    } while (at < n && ++lines < ENTRY_LINES);
}

static void put_day(struct pen *p, const struct entry *e)
{
    char words[40];
    struct tm tm;
    time_t t = (time_t)(e->time_ms / 1000);
    localtime_r(&t, &tm);
    strftime(words, sizeof words, " %a %d %b %Y ", &tm);
    rule(p, STYLE_RULE, words);
}

static void put_unread(struct pen *p, const struct timeline *t)
{
    char words[48];
    size_t n = timeline_unread(t);
    if (n)
        snprintf(words, sizeof words, " %zu new ", n);
    else
        snprintf(words, sizeof words, " new ");
    rule(p, STYLE_NEW, words);
}

static void put_entry(struct pen *p, const struct timeline *t, int64_t id)
{
    const struct entry *e = timeline_get(t, id);
    if (day_rule(t, id)) put_day(p, e);
    if (id == t->unread) put_unread(p, t);
    p->selected = id == p->look->selected;
    put_text(p, e, text_style(e), e->text, true);
    if (e->note) put_text(p, e, e->mark == MARK_REFUSED ? STYLE_ERROR : STYLE_DIM, e->note, false);
}

/* --- the view --- */

/* An empty line of the timeline still has its rule. */
static void put_empty(struct pen *p, int until)
{
    for (p->row = 0; p->row < until && !p->look->bare; p->row++)
        screen_puts(p->s, p->look->area, p->c.text - 2, (unsigned)p->row, STYLE_RULE, "|");
}

bool timeline_paint(struct timeline *t, struct screen *s, const struct timeline_look *look)
{
    struct pen p = {.s = s, .look = look, .c = columns_of(look)};
    int64_t bottom = t->scrolled ? t->bottom : timeline_end(t) - 1, id = bottom;
    int top = (int)look->area.rows + (t->scrolled ? (int)t->skip : 0);
    while (timeline_get(t, id) && top > 0)
        top -= (int)lines_of(t, id--, &p.c);
    put_empty(&p, top);
    p.row = top;
    for (id++; id <= bottom && timeline_get(t, id); id++)
        put_entry(&p, t, id);
    return !t->complete && !t->shed && (top > 0 || !timeline_get(t, id - 1) || bottom - t->first < 2 * (int64_t)look->area.rows);
}

/* Lines from the top of all down to the view's bottom, no more than `most` are counted. */
static unsigned lines_above(const struct timeline *t, const struct columns *c, unsigned most)
{
    unsigned lines = 0;
    for (int64_t id = t->bottom; lines < most + t->skip && timeline_get(t, id); id--)
        lines += lines_of(t, id, c);
    return lines > t->skip ? lines - t->skip : 0;
}

static void back(struct timeline *t, const struct columns *c)
{
    if (++t->skip < lines_of(t, t->bottom, c)) return;
    t->bottom--;
    t->skip = 0;
}

static void forth(struct timeline *t, const struct columns *c)
{
    if (t->skip)
        t->skip--;
    else if (++t->bottom < timeline_end(t))
        t->skip = lines_of(t, t->bottom, c) - 1;
    if (t->skip == 0 && t->bottom >= timeline_end(t) - 1) t->scrolled = false;
}

void timeline_scroll(struct timeline *t, const struct timeline_look *look, int lines)
{
    struct columns c = columns_of(look);
    if (t->n == 0 || (lines <= 0 && !t->scrolled)) return;
    if (!t->scrolled) {
        t->bottom = timeline_end(t) - 1;
        t->skip = 0;
        t->scrolled = true;
    }
    for (; lines > 0 && lines_above(t, &c, look->area.rows + 1) > look->area.rows; lines--)
        back(t, &c);
    for (; lines < 0 && t->scrolled; lines++)
        forth(t, &c);
    if (t->scrolled && t->skip == 0 && t->bottom >= timeline_end(t) - 1) t->scrolled = false;
}

void timeline_show(struct timeline *t, const struct timeline_look *look, int64_t id)
{
    struct columns c = columns_of(look);
    if (!timeline_get(t, id)) return;
    t->scrolled = true;
    t->bottom = id;
    t->skip = 0;
    unsigned below = 0;
    while (below < look->area.rows / 3 && timeline_get(t, t->bottom + 1))
        below += lines_of(t, ++t->bottom, &c);
    if (t->bottom >= timeline_end(t) - 1) t->scrolled = false;
}

bool timeline_sees(const struct timeline *t, const struct timeline_look *look, int64_t id)
{
    struct columns c = columns_of(look);
    int64_t at = t->scrolled ? t->bottom : timeline_end(t) - 1;
    int left = (int)look->area.rows + (t->scrolled ? (int)t->skip : 0);
    if (id > at || (id == at && t->scrolled && t->skip)) return false;
    for (; at > id && left > 0; at--)
        left -= (int)lines_of(t, at, &c);
    return left > 0 && (left >= (int)lines_of(t, id, &c) || at == t->bottom || at == timeline_end(t) - 1);
}

int64_t timeline_gap(const struct timeline *t, const struct timeline_look *look)
{
    struct columns c = columns_of(look);
    int64_t id = t->scrolled ? t->bottom : timeline_end(t) - 1;
    int left = (int)look->area.rows + (t->scrolled ? (int)t->skip : 0);
    for (; left > 0 && timeline_get(t, id); left -= (int)lines_of(t, id--, &c)) {
        const struct gap *gap = timeline_get(t, id)->gap;
        if (gap && gap->state == GAP_OPEN) return id;
    }
    return INT64_MAX;
}

size_t timeline_below(const struct timeline *t)
{
    size_t count = 0;
    for (int64_t id = t->scrolled ? t->bottom + 1 : timeline_end(t); timeline_get(t, id); id++)
        count += timeline_get(t, id)->kind <= ENTRY_ACTS;
    return count;
}
