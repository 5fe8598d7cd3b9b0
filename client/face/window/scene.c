/* scene.c - see scene.h. The line being typed is scene_input.c, the panes are panes.c. */
#include "scene.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "panes.h"
#include "width.h"

enum { TOPIC_LEAST = 12 }; /* columns, or it says nothing */

static unsigned notice_lines(const struct scene *sc)
{
    unsigned lines = 0;
    for (size_t i = 0; i < sc->notice.len; i++)
        lines += sc->notice.data[i] == '\n';
    return lines + (sc->notice.len > 0);
}

struct layout scene_layout(const struct scene *sc, unsigned cols, unsigned rows)
{
    struct layout_wish wish = sc->wish;
    wish.notice = notice_lines(sc) + moves_lines(sc, cols);
    wish.input = input_lines(sc, cols < LAYOUT_COLS ? LAYOUT_COLS : cols);
    return layout_fit(cols, rows, &wish);
}

struct timeline_look scene_look(const struct scene *sc, const struct layout *l)
{
    return (struct timeline_look){
        .area = l->timeline, .times = l->times, .time_format = sc->time_format, .name = l->name, .bare = sc->wish.bare,
        .find = sc->find, .selected = sc->selected};
}

/* --- title --- */

static void paint_title(const struct scene *sc, struct screen *s, struct area a)
{
    const struct room *room = rooms_current(sc->rooms);
    char right[ROOM_WORDS + 64], left[2 * ROOM_WORDS], cut[sizeof left];
    snprintf(right, sizeof right, " %s%s%s ", room->trust, room->trust[0] && sc->count[0] ? "  " : "", sc->count);
    unsigned n = width_text(right, strlen(right));
    screen_fill(s, a, 0, 0, STYLE_BAR, ' ');
    if (n + 8 > a.cols) n = 0; /* the name of the room comes first, then who can read it */
    bool topic = room->topic[0] && width_text(room->name, strlen(room->name)) + n + TOPIC_LEAST < a.cols;
    snprintf(left, sizeof left, " %s%s%s", room->name, topic ? " | " : "", topic ? room->topic : "");
    width_cut(cut, sizeof cut, left, a.cols - n);
    screen_puts(s, a, 0, 0, STYLE_BAR, cut);
    if (n) screen_puts(s, a, a.cols - n, 0, STYLE_BAR, right);
    if (n && room->alarm) screen_paint(s, a, a.cols - n, 0, width_text(room->trust, strlen(room->trust)) + 2, STYLE_ALERT);
}

/* --- status --- */

/* "3:bob!2": number, name, what for, how many. */
static void put_active(struct buf *out, const struct rooms *r, const struct room *room)
{
    char text[NAME_SIZE + 32];
    const char *sign = room->activity == ACTIVITY_MENTION  ? "*"
                       : room->activity == ACTIVITY_DIRECT ? "!"
                                                           : "+";
    unsigned n = room->activity == ACTIVITY_MENTION ? room->calls : room->unread;
    int len = snprintf(text, sizeof text, "%s%zu:%s%s", buf_len(out) ? " " : "", rooms_number(r, room), room->name, sign);
    buf_put(out, text, (size_t)len);
    if (n) buf_put(out, text, (size_t)snprintf(text, sizeof text, "%u", n));
}

/* Important ones first; who only came and went is not named. */
static void put_activity(struct buf *out, const struct rooms *r)
{
    struct buf names = {0};
    for (enum activity level = ACTIVITY_MENTION; level >= ACTIVITY_MESSAGE; level--)
        for (size_t i = 0; i < r->n; i++)
            if (r->room[i]->activity == level) put_active(&names, r, r->room[i]);
    if (buf_len(&names)) {
        buf_put(out, "[Act: ", 6);
        buf_put(out, buf_head(&names), buf_len(&names));
        buf_put(out, "]", 1);
    }
    buf_free(&names);
}

static unsigned put_part(struct screen *s, struct area a, unsigned col, enum style style, const char *fmt, const char *text)
{
    char part[ROOM_WORDS];
    snprintf(part, sizeof part, fmt, text);
    return screen_puts(s, a, col, 0, style, part);
}

/* What must not be cut: is anything waiting, is there a connection, is there more below. */
static size_t status_right(const struct scene *sc, char *out, size_t cap)
{
    size_t n = 0, below = timeline_below(&rooms_current(sc->rooms)->lines);
    if (rooms_current(sc->rooms)->lines.scrolled)
        n += (size_t)snprintf(out, cap, "[scrolled, %zu below]", below);
    if (sc->outbox) n += (size_t)snprintf(out + n, cap - n, sc->outbox > 99 ? "[out 99+]" : "[out %u]", sc->outbox);
    n += (size_t)snprintf(out + n, cap - n, "[%s]", sc->link);
    return n;
}

static void paint_status(const struct scene *sc, struct screen *s, struct area a)
{
    char clock[64], right[96], room[NAME_SIZE + 32], cut[ROOM_WORDS];
    struct tm tm;
    time_t t = (time_t)(sc->now_ms / 1000);
    struct buf act = {0};
    unsigned n = (unsigned)status_right(sc, right, sizeof right), col = 0;
    localtime_r(&t, &tm);
    if (strftime(clock, sizeof clock, sc->time_format, &tm) == 0) clock[0] = '\0';
    screen_fill(s, a, 0, 0, STYLE_BAR, ' ');
    if (a.cols >= 60) col = put_part(s, a, col, STYLE_BAR, "[%s]", clock);
    if (a.cols >= 60) col = put_part(s, a, col, STYLE_BAR, "[%s]", sc->me);
    snprintf(room, sizeof room, "%zu:%s", sc->rooms->open + 1, rooms_current(sc->rooms)->name);
    col = put_part(s, a, col, STYLE_BAR, "[%s]", room);
    put_activity(&act, sc->rooms);
    buf_put_u8(&act, 0);
    width_cut(cut, sizeof cut, (const char *)buf_head(&act), a.cols > col + n ? a.cols - col - n : 0);
    screen_puts(s, a, col, 0, STYLE_BAR, cut);
    screen_puts(s, a, a.cols > n ? a.cols - n : 0, 0, sc->link_down ? STYLE_ALERT : STYLE_BAR, right);
    buf_free(&act);
}

static void paint_notice(const struct scene *sc, struct screen *s, struct area a)
{
    const char *p = (const char *)sc->notice.data, *end = p + sc->notice.len;
    for (unsigned row = 0; row < a.rows && p < end; row++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) stop = end;
        screen_put(s, a, 1, row, STYLE_HINT, (struct slice){(const uint8_t *)p, (size_t)(stop - p)}, a.cols);
        p = stop + 1;
    }
}

static void paint_edges(struct screen *s, const struct layout *l)
{
    struct area whole = {0, 0, s->cols, s->rows};
    for (unsigned row = l->timeline.row; row < l->timeline.row + l->timeline.rows; row++) {
        if (l->rooms.cols) screen_puts(s, whole, l->rooms.cols, row, STYLE_RULE, "|");
        if (l->members.cols) screen_puts(s, whole, l->members.col - 1, row, STYLE_RULE, "|");
    }
}

bool scene_paint(const struct scene *sc, struct screen *s)
{
    struct layout l = scene_layout(sc, s->cols, s->rows);
    struct timeline_look look = scene_look(sc, &l);
    screen_clear(s);
    bool more = timeline_paint(&rooms_current(sc->rooms)->lines, s, &look);
    if (sc->list.head) panes_list(&sc->list, s, l.timeline);
    if (sc->wish.bare) return more;
    paint_edges(s, &l);
    paint_title(sc, s, l.title);
    panes_rooms(sc, s, l.rooms);
    panes_members(sc, s, l.members);
    unsigned moves = moves_lines(sc, s->cols);
    if (moves > l.notice.rows) moves = l.notice.rows;
    paint_notice(sc, s, (struct area){l.notice.col, l.notice.row, l.notice.cols, l.notice.rows - moves});
    moves_paint(sc, s, (struct area){l.notice.col, l.notice.row + l.notice.rows - moves, l.notice.cols, moves});
    paint_status(sc, s, l.status);
    input_paint(sc, s, l.input);
    return more;
}
