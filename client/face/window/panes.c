/* panes.c - see panes.h. */
#include "panes.h"

#include <stdio.h>
#include <string.h>

#include "width.h"

enum { INBOX_FROM = 14 }; /* rows of the pane */

/* --- rooms --- */

void panes_head(struct screen *s, struct area a, unsigned row, const char *left, const char *right)
{
    unsigned n = (unsigned)strlen(right);
    screen_puts(s, a, 0, row, STYLE_HEAD, left);
    if (n + 1 < a.cols) screen_puts(s, a, a.cols - n, row, STYLE_DIM, right);
}

static void activity_text(const struct room *room, char out[16])
{
    out[0] = '\0';
    if (room->activity == ACTIVITY_MENTION && room->calls == 0)
        snprintf(out, 16, "*"); /* no message calls, but something that happened */
    else if (room->activity == ACTIVITY_MENTION)
        snprintf(out, 16, "*%u", room->calls);
    else if (room->activity == ACTIVITY_DIRECT)
        snprintf(out, 16, "!%u", room->unread);
    else if (room->activity == ACTIVITY_MESSAGE)
        snprintf(out, 16, "+%u", room->unread);
}

static enum style room_style(const struct scene *sc, const struct room *room)
{
    if (room == rooms_current(sc->rooms)) return STYLE_HERE;
    return room->activity >= ACTIVITY_DIRECT    ? STYLE_MENTION
           : room->activity >= ACTIVITY_MESSAGE ? STYLE_UNREAD
                                                : STYLE_TEXT;
}

static void put_room(const struct scene *sc, struct screen *s, struct area a, unsigned row, size_t index)
{
    const struct room *room = sc->rooms->room[index];
    char number[8], name[2 * NAME_SIZE], act[16];
    enum style style = room_style(sc, room);
    activity_text(room, act);
    unsigned n = (unsigned)strlen(act);
    snprintf(number, sizeof number, "%c%2zu ", room == rooms_current(sc->rooms) ? '>' : ' ', (index + 1) % 1000);
    unsigned col = screen_puts(s, a, 0, row, style, number);
    width_cut(name, sizeof name, room->name, a.cols - col - n - 1);
    screen_puts(s, a, col, row, style, name);
    screen_puts(s, a, a.cols - n, row, style, act);
    if (style == STYLE_HERE) screen_paint(s, a, 0, row, a.cols, style);
}

static bool heads(const struct rooms *r, size_t i)
{
    return i == 0 || (r->room[i]->kind == ROOM_PERSON && r->room[i - 1]->kind != ROOM_PERSON);
}

/* --- who needs this user --- */

static unsigned put_waiting(struct screen *s, struct area a, unsigned row, char sign, unsigned n, const char *words)
{
    char text[64];
    if (!n) return 0;
    snprintf(text, sizeof text, "%c %u %s", sign, n, words);
    screen_puts(s, a, 1, row, STYLE_MENTION, text);
    return 1;
}

/* On top of the rooms, where there is room for both. The rows that it takes. */
static unsigned put_inbox(const struct scene *sc, struct screen *s, struct area a)
{
    unsigned direct = 0, mentions = 0, row = 1;
    if (a.rows < INBOX_FROM) return 0;
    for (size_t i = 0; i < sc->rooms->n; i++) {
        const struct room *room = sc->rooms->room[i];
        if (room->kind == ROOM_PERSON)
            direct += room->unread;
        else
            mentions += room->calls;
    }
    panes_head(s, a, 0, "INBOX", "Alt-i");
    row += put_waiting(s, a, row, '!', direct, "to you alone");
    row += put_waiting(s, a, row, '*', mentions, mentions > 1 ? "mentions" : "mention");
    row += put_waiting(s, a, row, '<', sc->offers, sc->offers > 1 ? "files offered" : "file offered");
    if (row == 1) screen_puts(s, a, 0, row++, STYLE_DIM, " nobody waits");
    return row + 1;
}

/* The first room to show, so that the open one is among them. */
static size_t first_shown(const struct scene *sc, unsigned rows)
{
    size_t need = sc->rooms->open + 4; /* two headings and a blank line */
    return need > rows ? need - rows : 0;
}

void panes_rooms(const struct scene *sc, struct screen *s, struct area a)
{
    const struct rooms *r = sc->rooms;
    unsigned row = 0;
    if (a.cols == 0) return;
    unsigned taken = put_inbox(sc, s, a);
    a.row += taken;
    a.rows -= taken;
    a.rows -= panes_moves(sc, s, a);
    for (size_t i = first_shown(sc, a.rows); i < r->n && row < a.rows; i++) {
        if (heads(r, i)) {
            row += row > 0;
            panes_head(s, a, row++, i ? "DIRECT" : "ROOMS", i ? "" : "F7");
        }
        if (row < a.rows) put_room(sc, s, a, row++, i);
    }
}

/* --- members --- */

static void put_member(struct screen *s, struct area a, unsigned row, const struct scene_member *m)
{
    char name[2 * NAME_SIZE], sign[4];
    enum style style = m->present ? STYLE_TEXT : STYLE_DIM;
    unsigned n = (unsigned)strlen(m->words);
    snprintf(sign, sizeof sign, " %c", m->sign);
    unsigned col = screen_puts(s, a, 0, row, style, sign);
    width_cut(name, sizeof name, m->name, a.cols - col - n - 1);
    screen_puts(s, a, col, row, style, name);
    screen_puts(s, a, a.cols - n, row, STYLE_DIM, m->words);
}

void panes_members(const struct scene *sc, struct screen *s, struct area a)
{
    char head[64], more[32];
    if (a.cols == 0) return;
    snprintf(head, sizeof head, "MEMBERS  %s", sc->count);
    panes_head(s, a, 0, head, "F8");
    size_t room = a.rows - 1, n = sc->members > room ? room - 1 : sc->members;
    for (size_t i = 0; i < n; i++)
        put_member(s, a, (unsigned)i + 1, &sc->member[i]);
    if (n == sc->members) return;
    snprintf(more, sizeof more, "  ... %zu more", sc->members - n);
    screen_puts(s, a, 0, (unsigned)n + 1, STYLE_DIM, more);
}

/* --- a list --- */

void panes_list(const struct scene_list *list, struct screen *s, struct area a)
{
    char text[sizeof list->item->text + 4];
    size_t rows = a.rows ? a.rows - 1 : 0, first = list->chosen >= rows && rows ? list->chosen - rows + 1 : 0;
    for (unsigned row = 0; row < a.rows; row++)
        screen_fill(s, a, 0, row, STYLE_TEXT, ' ');
    screen_puts(s, a, 1, 0, STYLE_HEAD, list->head);
    if (list->n == 0) screen_puts(s, a, 1, 1, STYLE_DIM, list->none);
    for (size_t i = first; i < list->n && i - first < rows; i++) {
        bool chosen = i == list->chosen;
        unsigned row = (unsigned)(i - first) + 1;
        snprintf(text, sizeof text, "%c %s", chosen ? '>' : ' ', list->item[i].text);
        screen_puts(s, a, 0, row, STYLE_TEXT, text);
        if (chosen) screen_paint(s, a, 0, row, a.cols, STYLE_HERE);
    }
}

/* --- the line being typed --- */

enum { INPUT_LINES = 200 };

/* Prompt and text as they stand there; the cursor's byte in it. */
static size_t whole_input(const struct scene *sc, struct buf *out)
{
    size_t n = strlen(sc->input);
    buf_put(out, sc->prompt, strlen(sc->prompt));
    size_t cursor = buf_len(out) + (sc->secret ? 0 : sc->cursor);
    if (!sc->secret) buf_put(out, sc->input, n);
    buf_put(out, " ", 1); /* the cursor stands on it at the end */
    return cursor;
}

/* Where lines begin in cells, not at words: what is typed must not jump. */
static size_t next_line(const char *text, size_t n, unsigned cols)
{
    const char *newline = memchr(text, '\n', n);
    size_t end = newline ? (size_t)(newline - text) : n, fit = width_fit(text, end, cols);
    if (fit == end) return newline ? end + 1 : n;
    return fit ? fit : 1;
}

unsigned input_lines(const struct scene *sc, unsigned cols)
{
    struct buf b = {0};
    unsigned lines = 0;
    whole_input(sc, &b);
    for (size_t at = 0; at < buf_len(&b) && lines < INPUT_LINES; lines++)
        at += next_line((char *)buf_head(&b) + at, buf_len(&b) - at, cols);
    buf_free(&b);
    return lines;
}

/* Paints from a line on; gives the line that the cursor is in, and sets it when that is painted. */
static unsigned paint_from(struct screen *s, struct area a, const struct buf *b, size_t cursor, size_t prompt,
                           unsigned first)
{
    unsigned line = 0, at_line = 0;
    for (size_t at = 0; at < buf_len(b); line++) {
        const char *text = (const char *)buf_head(b) + at;
        size_t n = next_line(text, buf_len(b) - at, a.cols), lead = at < prompt ? prompt - at : 0;
        bool here = cursor >= at && cursor < at + n, shown = line >= first && line < first + a.rows;
        if (lead > n) lead = n;
        if (here) at_line = line;
        if (here && shown) {
            s->cursor_row = a.row + line - first;
            s->cursor_col = a.col + width_text(text, cursor - at);
        }
        if (shown) {
            unsigned col = screen_put(s, a, 0, line - first, STYLE_DIM, (struct slice){(const uint8_t *)text, lead}, a.cols);
            screen_put(s, a, col, line - first, STYLE_TEXT, (struct slice){(const uint8_t *)text + lead, n - lead}, a.cols);
        }
        at += n;
    }
    return at_line;
}

void input_paint(const struct scene *sc, struct screen *s, struct area a)
{
    struct buf b = {0};
    struct area none = {a.col, a.row, a.cols, 0};
    size_t cursor = whole_input(sc, &b), prompt = strlen(sc->prompt);
    unsigned line = paint_from(s, none, &b, cursor, prompt, 0);
    paint_from(s, a, &b, cursor, prompt, line >= a.rows ? line - a.rows + 1 : 0);
    buf_free(&b);
}
