/*
 * window_rows.c - the store's history in the window, see window_private.h: a page of a room when it is first
 * looked at, older pages as somebody scrolls up, new rows as they come.
 */
#include <string.h>

#include "window_private.h"

enum {
    PAGE_LINES = 200,
    NEW_ROWS = 250, /* in one turn of the loop: keys are answered in between */
};

static struct vault *store(const struct window *w)
{
    return w->p->s.vault;
}

/* --- lines of a conversation --- */

static enum entry_mark mark_of(int state)
{
    switch (state) {
    case VAULT_WAITING: return MARK_WAITS;
    case WIRE_STATE_ACCEPTED:
    case WIRE_STATE_STORED: return MARK_STORED;
    case WIRE_STATE_DELIVERED: return MARK_DELIVERED;
    case VAULT_READ: return MARK_READ;
    default: return MARK_REFUSED; /* expired, or for a reason of the server's */
    }
}

struct entry *window_line_entry(struct window *w, const struct room *room, const struct history_line *line)
{
    struct entry *e = rows_entry(&w->reader, &(struct vault_row){.row = line->row, .how = line->how, .m = line->m});
    if (!line->own || e->kind == ENTRY_SYSTEM) return e;
    e->own = true;
    e->sent = line->number;
    e->mark = mark_of(line->state);
    if (room->kind == ROOM_PERSON) e->number = line->number;
    if (line->number) w->sent[line->number % WINDOW_SENT] = (struct window_sent){line->number, room};
    return e;
}

static bool behind(struct history_at a, struct history_at b)
{
    return a.place != b.place ? a.place > b.place : a.line > b.line;
}

/* Reads one page of older lines; how many of them are behind `seen`. */
static size_t read_page(struct window *w, struct room *room, struct history_at seen)
{
    struct entry *page[2 * PAGE_LINES];
    struct history_line line;
    size_t at = 2 * PAGE_LINES, lines = 0, news = 0;
    for (; lines < PAGE_LINES && history_before(store(w), room->name, room->oldest, &line) > 0; lines++) {
        page[--at] = window_line_entry(w, room, &line);
        if (line.missing) page[--at] = window_gap_entry(&line);
        if (room->kind == ROOM_LOBBY && line.m.seq > w->lobby_seq) w->lobby_seq = line.m.seq;
        if (behind(line.at, seen)) news = 2 * PAGE_LINES - at;
        if (line.row > room->newest_row) room->newest_row = line.row;
        room->oldest = line.at;
    }
    room->lines.complete = lines < PAGE_LINES;
    timeline_add_older(&room->lines, page + at, 2 * PAGE_LINES - at);
    return news;
}

void window_load(struct window *w, struct room *room)
{
    struct history_at seen = HISTORY_END;
    size_t before = room->lines.n;
    if (room->lines.shed) timeline_clear(&room->lines);
    if (room->kind == ROOM_CONSOLE || (room->loaded && !room->lines.shed)) return;
    room->loaded = true;
    room->lines.shed = false;
    room->oldest = HISTORY_END;
    if (room->unread) history_seen_upto(store(w), room->name, &seen);
    size_t news = read_page(w, room, seen);
    if (news) room->lines.unread = timeline_end(&room->lines) - (int64_t)(before + news);
}

/* The senders of what is on the screen now may be told that it was read. */
static void tell_seen(struct window *w, struct room *room)
{
    struct history_at seen = HISTORY_START, at = HISTORY_END;
    struct history_line line;
    unsigned n = 0;
    history_seen_upto(store(w), room->name, &seen);
    while (n++ < PAGE_LINES && history_before(store(w), room->name, at, &line) > 0 && behind(line.at, seen)) {
        at = line.at;
        if (line.row) client_shown(w->p->s.client, &(struct vault_row){line.row, line.how, line.m});
    }
}

void window_seen(struct window *w, struct room *room)
{
    if (room->kind == ROOM_CONSOLE || !w->terminal) return;
    tell_seen(w, room);
    history_seen(store(w), room->name, HISTORY_END);
}

void window_older_rows(struct window *w)
{
    struct room *room = rooms_current(&w->rooms);
    if (!w->older_wanted) return;
    w->older_wanted = false; /* the next drawing says whether that was enough */
    if (room->lines.complete || room->lines.shed) return;
    read_page(w, room, HISTORY_END);
    window_dirty(w);
}

/* --- the start --- */

/* A conversation of the store as a room, by the name that stands in its last line. */
static void open_conversation(struct window *w, const struct history_conversation *c)
{
    struct history_line line;
    char name[NAME_SIZE];
    if (history_before(store(w), c->name, HISTORY_END, &line) <= 0) return;
    rows_room(&w->reader, &(struct vault_row){line.row, line.how, line.m}, name);
    struct room *room = rooms_want(&w->rooms, name);
    if (!c->unseen || room->kind == ROOM_CONSOLE) return;
    room->unread = c->unseen < 9999 ? (unsigned)c->unseen : 9999;
    if (room != rooms_current(&w->rooms))
        rooms_activity(&w->rooms, room, room->kind == ROOM_PERSON ? ACTIVITY_DIRECT : ACTIVITY_MESSAGE);
}

void window_first_rows(struct window *w)
{
    struct history_conversation c = {0};
    uint64_t last;
    while (history_next_conversation(store(w), &c) > 0)
        open_conversation(w, &c);
    if (vault_last_row(store(w), &last) == 0) *w->p->shown.row = last;
    window_load(w, rooms_current(&w->rooms));
    rooms_current(&w->rooms)->unread = 0;
}

/* --- what comes --- */

/* Whom /r answers. */
static void note_sender(struct window *w, const struct vault_row *row, const struct entry *e)
{
    bool direct = !(row->m.flags & WIRE_FLAG_ROOM) && !e->own && e->kind != ENTRY_SYSTEM;
    if (direct && name_valid(e->from, strlen(e->from), NULL)) memcpy(w->p->chat.last_from, e->from, NAME_SIZE);
}

static bool rings(const struct window *w, const struct room *room, const struct entry *e)
{
    static const struct config_values by_default = {.notify = NOTIFY_MENTIONS};
    const struct config *config = w->p->chat.config;
    return config_rings(config ? &config->v : &by_default, room->kind == ROOM_PERSON, e->mention);
}

static void call(struct window *w, const struct room *room, const struct entry *e)
{
    struct buf bytes = {0};
    const char *words = room->kind == ROOM_PERSON ? "writes to you" : e->mention ? "mentions you" : "writes";
    if (!w->terminal || !name_valid(e->from, strlen(e->from), NULL)) return;
    notify_call(&w->notify, e->from, words, errand_now(), &bytes);
    if (buf_len(&bytes)) terminal_send(w->terminal, (struct slice){buf_head(&bytes), buf_len(&bytes)});
    buf_free(&bytes);
}

/* A message of somebody else. */
static void arrived(struct window *w, struct room *room, const struct entry *e, const struct vault_row *row)
{
    bool open = room == rooms_current(&w->rooms) && w->terminal;
    rooms_message(&w->rooms, room, e->mention || room->kind == ROOM_PERSON);
    if (open && !room->lines.scrolled)
        client_shown(w->p->s.client, row);
    else if (rings(w, room, e))
        call(w, room, e);
}

/* An offer of a file is one among the messages. */
static bool offers_file(const struct vault_row *row)
{
    struct file_offer offer;
    return row->how == VAULT_SEALED && file_offer_get(row->m.body, &offer);
}

static void take_row(struct window *w, const struct vault_row *row)
{
    char name[NAME_SIZE];
    rows_room(&w->reader, row, name);
    struct room *room = rooms_want(&w->rooms, name);
    if (room->kind == ROOM_LOBBY && window_fills(w, row)) return;
    struct entry *e = rows_entry(&w->reader, row);
    bool message = (e->kind == ENTRY_SAYS || e->kind == ENTRY_ACTS) && !e->own;
    w->offers_stale |= offers_file(row);
    window_load(w, room); /* row's slices end here */
    bool here = room->kind != ROOM_CONSOLE && row->row <= room->newest_row; /* it came with the page */
    if (room->kind == ROOM_LOBBY && !here) window_gap_before(w, row);
    note_sender(w, row, e);
    room->stale |= row->how == VAULT_ENTRY;
    if (message && (room != rooms_current(&w->rooms) || room->lines.scrolled)) {
        timeline_mark_unread(&room->lines);
        if (here && room->lines.unread == timeline_end(&room->lines)) room->lines.unread--;
    }
    if (message) arrived(w, room, e, row);
    if (!message) rooms_activity(&w->rooms, room, ACTIVITY_PRESENCE);
    if (here || (e->sent && timeline_place(&room->lines, e->sent, e->number, e->time_ms)))
        entry_free(e);
    else
        timeline_add(&room->lines, e);
}

void window_new_rows(struct window *w)
{
    struct vault_row row;
    for (unsigned n = 0; w->rows_wait && n < NEW_ROWS; n++) {
        w->rows_wait = vault_history(store(w), *w->p->shown.row, &row) > 0;
        if (!w->rows_wait) return;
        uint64_t now = row.row;
        if (row.m.body.len) take_row(w, &row);
        *w->p->shown.row = now;
        window_dirty(w);
    }
}
