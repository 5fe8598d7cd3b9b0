/*
 * window_gaps.c - what the lobby said while this device was not there, see window_private.h: a line stands for it,
 * and when somebody comes to see that, the server is asked for the newest part of it, as long as it keeps it.
 */
#include <stdio.h>
#include <string.h>

#include "window_private.h"

enum { FILL_LINES = 100 }; /* in one go: a few screens */

static const char lobby[] = "#lobby";

static struct room *the_lobby(const struct window *w)
{
    return rooms_find(&w->rooms, lobby);
}

static void put_words(struct entry *e)
{
    char text[96];
    static const char *const rest[] = {"", ": being fetched", ": the server has no more of them"};
    snprintf(text, sizeof text, "%llu message%s missing here%s", (unsigned long long)e->gap->missing,
             e->gap->missing == 1 ? " is" : "s are", rest[e->gap->state]);
    entry_text(e, text);
}

struct entry *window_gap_entry(const struct history_line *line)
{
    struct entry *e = entry_new(ENTRY_SYSTEM, "", "", line->m.time_ms);
    entry_gap(e, &(struct gap){.before = line->m.seq, .missing = line->missing, .place = line->at.place});
    put_words(e);
    return e;
}

/* Places in the lobby are the server's numbers, from a beginning that changes with the server. */
static bool place_of(struct window *w, uint64_t seq, uint64_t *place)
{
    struct history_line line = {.at = HISTORY_END};
    while (history_before(w->p->s.vault, lobby, line.at, &line) > 0)
        if (line.m.seq) {
            *place = line.at.place - line.m.seq + seq;
            return true;
        }
    return false;
}

void window_gap_before(struct window *w, const struct vault_row *row)
{
    uint64_t seq = row->m.seq, last = w->lobby_seq, place;
    if (seq > last) w->lobby_seq = seq;
    if (seq <= last + 1 || !place_of(w, seq, &place)) return;
    timeline_add(&the_lobby(w)->lines, window_gap_entry(&(struct history_line){
                                           .at = {place, 0}, .missing = seq - last - 1, .m = row->m}));
}

/* --- filling --- */

bool window_fills(const struct window *w, const struct vault_row *row)
{
    return row->m.seq > w->fill_after && row->m.seq < w->fill_before && row->m.flags & WIRE_FLAG_BACKLOG;
}

void window_fill(struct window *w, int64_t id)
{
    struct entry *e = timeline_get(&rooms_current(&w->rooms)->lines, id);
    if (!e || !e->gap || e->gap->state != GAP_OPEN || w->filling) return;
    const struct gap *g = e->gap;
    uint64_t n = g->missing < FILL_LINES ? g->missing : FILL_LINES, after = g->before - n - 1;
    if (client_fill(w->p->s.client, after, g->before) < 0) return;
    e->gap->state = GAP_ASKED;
    w->filling = true;
    w->fill_after = after;
    w->fill_before = g->before;
    put_words(e);
    window_dirty(w);
}

/* The entry that was asked about; INT64_MAX: it has gone meanwhile. */
static int64_t asked(const struct window *w)
{
    const struct timeline *t = &the_lobby(w)->lines;
    for (int64_t id = timeline_end(t) - 1; id >= t->first; id--) {
        const struct entry *e = timeline_get(t, id);
        if (e->gap && e->gap->before == w->fill_before) return id;
    }
    return INT64_MAX;
}

void window_filled(struct window *w)
{
    struct entry *found[2 * FILL_LINES];
    struct room *room = the_lobby(w);
    int64_t id = w->filling ? asked(w) : INT64_MAX;
    struct entry *e = timeline_get(&room->lines, id);
    size_t at = 2 * FILL_LINES;
    struct history_line line = {0};
    w->filling = false;
    if (!e) return;
    line.at = (struct history_at){e->gap->place, 0};
    while (at > 1 && history_before(w->p->s.vault, lobby, line.at, &line) > 0 && line.m.seq > w->fill_after) {
        found[--at] = window_line_entry(w, room, &line);
        if (line.missing) found[--at] = window_gap_entry(&line);
    }
    if (at < 2 * FILL_LINES) {
        size_t n = 2 * FILL_LINES - at;
        if (w->selected < id && room == rooms_current(&w->rooms)) w->selected -= (int64_t)n - 1;
        timeline_fill(&room->lines, id, found + at, n);
    } else {
        e->gap->state = GAP_GONE;
        put_words(e);
    }
    window_dirty(w);
}

void window_unfilled(struct window *w)
{
    struct entry *e = w->filling ? timeline_get(&the_lobby(w)->lines, asked(w)) : NULL;
    w->filling = false;
    if (!e) return;
    e->gap->state = GAP_OPEN;
    put_words(e);
}
